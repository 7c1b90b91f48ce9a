// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/link_json.h"

#include <array>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/event/decode.h"
#include "engine/event/limits.h"

namespace ringfence {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 8> kDeeds{"act", "store", "send", "read", "pass", "join", "leave", "stop"};
constexpr std::array<SubjectKind, 6> kKinds{SubjectKind::RootSession, SubjectKind::User,   SubjectKind::Artefact,
                                            SubjectKind::Credential,  SubjectKind::Reader, SubjectKind::Tree};

// A byte takes six at most, as `\u0007`. Besides one root: eight texts and the tenant, labels; then marks, numbers and names of members.
static_assert(6 * (limits::kStringBytes + 9 * kLinkTextBytes + kLinkElements * kLinkLabelBytes) + (std::size_t{16} << 10U) < kLinkBytes);

constexpr std::array<Level, 3> kStops{Level::Hold, Level::Halt, Level::Revoke};

std::string hex16(std::uint64_t value) {
  std::string out(16, '0');
  for (std::size_t i = 0; i < 16; ++i) out[15 - i] = "0123456789abcdef"[value >> (4 * i) & 0xFU];
  return out;
}

Json rows(const std::vector<RowId>& marks) {
  Json out = Json::array();
  for (const RowId& mark : marks) out.push_back({static_cast<unsigned>(mark.channel), mark.context, mark.cls});
  return out;
}

/// Reads members and remembers the first fault.
class Members {
 public:
  explicit Members(const Json& object) : object_(object) {}

  std::string text(const char* name, std::size_t most = kLinkTextBytes) {
    const Json* member = find(name);
    if (member == nullptr || !member->is_string() || member->get_ref<const std::string&>().size() > most) return fail(name), std::string();
    return member->get<std::string>();
  }
  std::string text_or_empty(const char* name, std::size_t most = kLinkTextBytes) {
    return object_.contains(name) ? text(name, most) : std::string();
  }
  std::int64_t number(const char* name, std::int64_t least, std::int64_t most) {
    const Json* member = find(name);
    if (member == nullptr || !member->is_number_integer()) return fail(name), least;
    const auto value = member->get<std::int64_t>();
    if (value < least || value > most) return fail(name), least;
    return value;
  }
  std::vector<RowId> marks(const char* name) {
    std::vector<RowId> out;
    if (!object_.contains(name)) return out;
    const Json* member = find(name);
    if (!member->is_array() || member->size() > kLinkElements) return fail(name), out;
    for (const Json& row : *member) {
      if (!row.is_array() || row.size() != 3) return fail(name), out;
      std::array<std::uint8_t, 3> part{};
      for (std::size_t i = 0; i < 3; ++i) {
        if (!row[i].is_number_unsigned() || row[i].get<std::uint64_t>() > 255) return fail(name), out;
        part.at(i) = row[i].get<std::uint8_t>();
      }
      if (part[0] >= kChannels) return fail(name), out;
      out.push_back({static_cast<ChannelId>(part[0]), part[1], part[2]});
    }
    return out;
  }
  std::vector<std::string> texts(const char* name) {
    std::vector<std::string> out;
    if (!object_.contains(name)) return out;
    const Json* member = find(name);
    if (!member->is_array() || member->size() > kLinkElements) return fail(name), out;
    for (const Json& one : *member) {
      if (!one.is_string()) return fail(name), out;
      out.push_back(one.get<std::string>());
    }
    return out;
  }
  void fail(const char* name) {
    if (fault_.empty()) fault_ = std::string(name) + ": absent or not of its form";
  }
  [[nodiscard]] const std::string& fault() const { return fault_; }

 private:
  const Json* find(const char* name) const {
    const auto found = object_.find(name);
    return found == object_.end() ? nullptr : &*found;
  }
  const Json& object_;
  std::string fault_;
};

template <class T, std::size_t N, class Name>
std::optional<T> named(const std::string& text, const std::array<T, N>& all, Name name) {
  for (const T& one : all)
    if (name(one) == text) return one;
  return std::nullopt;
}

}  // namespace

std::string encode_link(const Link& link) {
  const LinkedAct& act = *link.act;
  Json out = {{"v", 1},
              {"kind", name_of(link.kind)},
              {"tenant", act.tenant},
              {"subject", link.subject},
              {"partition", link.partition.value},
              {"lsn", link.lsn},
              {"index", link.index},
              {"deed", kDeeds.at(static_cast<std::size_t>(link.deed))}};
  const auto put = [&out](const char* name, const std::string& text) {
    if (!text.empty()) out[name] = text;
  };
  if (!link.marks.empty()) out["marks"] = rows(link.marks);
  if (!link.shared_marks.empty()) out["shared_marks"] = rows(link.shared_marks);
  if (!link.labels.empty()) out["labels"] = link.labels;
  put("what", link.what);
  if (link.most_members) out["most_members"] = *link.most_members;
  put("root", link.root);
  if (link.deed == Deed::Stop) out["level"] = name_of(link.level);
  out["persona"] = hex16(act.persona);
  out["agent"] = act.agent;
  put("agent_name", act.agent_name);
  put("session", act.session);
  put("user", act.user);
  out["event"] = act.event_id;
  put("server", act.tool_server);
  put("tool", act.tool_name);
  out["outcome"] = static_cast<unsigned>(act.outcome);
  out["time"] = format_rfc3339(act.time);
  return out.dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::expected<Link, std::string> decode_link(std::string_view text) {
  if (text.size() > kLinkBytes) return std::unexpected("larger than 768 KiB");
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return std::unexpected("no JSON object");
  Members in(json);
  if (in.number("v", 1, 1) != 1) return std::unexpected("v: another version");
  Link link;
  LinkedAct act;
  const auto kind = named(in.text("kind"), kKinds, [](SubjectKind k) { return name_of(k); });
  const auto deed = named(in.text("deed"), kDeeds, [](std::string_view d) { return d; });
  if (!kind) in.fail("kind");
  if (!deed) in.fail("deed");
  act.tenant = in.text("tenant", 512);
  link.subject = in.text("subject", limits::kStringBytes);
  link.partition = Partition{static_cast<std::int32_t>(in.number("partition", 0, 0xFFFE))};
  link.lsn = in.number("lsn", 0, std::numeric_limits<std::int64_t>::max());
  link.index = static_cast<std::uint16_t>(in.number("index", 0, 0xFFFF));
  link.marks = in.marks("marks");
  link.shared_marks = in.marks("shared_marks");
  link.labels = in.texts("labels");
  link.what = in.text_or_empty("what");
  if (json.contains("most_members")) link.most_members = static_cast<std::uint32_t>(in.number("most_members", 0, 0x7FFFFFFF));
  link.root = in.text_or_empty("root", limits::kStringBytes);
  const std::string persona = in.text("persona", 16);
  const auto [end, fault] = std::from_chars(persona.data(), persona.data() + persona.size(), act.persona, 16);
  if (fault != std::errc{} || end != persona.data() + persona.size()) in.fail("persona");
  act.agent = in.text("agent");
  act.agent_name = in.text_or_empty("agent_name");
  act.session = in.text_or_empty("session");
  act.user = in.text_or_empty("user");
  act.event_id = in.text("event");
  act.tool_server = in.text_or_empty("server");
  act.tool_name = in.text_or_empty("tool");
  act.outcome = static_cast<Outcome>(in.number("outcome", 0, 3));
  const auto time = parse_rfc3339(in.text("time"));
  if (!time) in.fail("time");
  if (!in.fault().empty()) return std::unexpected(in.fault());
  link.kind = *kind;
  for (std::size_t i = 0; i < kDeeds.size(); ++i)
    if (kDeeds.at(i) == *deed) link.deed = static_cast<Deed>(i);
  if (link.deed == Deed::Stop) {
    const auto level = named(in.text("level"), kStops, [](Level one) { return name_of(one); });
    if (!level) return std::unexpected("level: absent or not of its form");
    link.level = *level;
  }
  act.time = *time;
  link.act = std::make_shared<const LinkedAct>(std::move(act));
  return link;
}

std::string link_record_key(const Link& link) { return subject_name(link); }

}  // namespace ringfence
