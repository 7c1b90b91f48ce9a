// SPDX-License-Identifier: Apache-2.0
#include "models/supply.h"

#include <algorithm>

#include "models/scope_memory.h"
#include "models/scope_ruling.h"

namespace ringfence {

namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kServersMost = 64;
constexpr std::size_t kToolsMost = 2048;

/// Tools that servers have defined, by hash of the name, each with the hash of its pinned definition.
class Definitions final : public ChannelMemory {
 public:
  struct Tool {
    std::uint64_t name = 0;
    std::uint64_t pinned = 0;  // 0: the definition came without a hash
  };
  struct Server {
    std::uint64_t name = 0;
    bool whole = true;  // false: a definition found no room, so an unknown name proves nothing
    std::vector<Tool> tools;
  };

  [[nodiscard]] const Server* server(std::uint64_t name) const {
    const auto place = std::ranges::find(servers_, name, &Server::name);
    return place == servers_.end() ? nullptr : &*place;
  }
  /// The server's entry, made where there is room.
  [[nodiscard]] Server* add_server(std::uint64_t name) {
    const auto known = std::ranges::find(servers_, name, &Server::name);
    if (known != servers_.end()) return &*known;
    return servers_.size() == kServersMost ? nullptr : &servers_.emplace_back(Server{name, true, {}});
  }
  [[nodiscard]] bool full() const {
    std::size_t tools = 0;
    for (const Server& entry : servers_) tools += entry.tools.size();
    return tools >= kToolsMost;
  }

  void encode(Writer& out) const override {
    out.u8(kVersion);
    out.varint(servers_.size());
    for (const Server& entry : servers_) {
      out.u64(entry.name);
      out.u8(entry.whole ? 1 : 0);
      out.varint(entry.tools.size());
      for (const Tool& tool : entry.tools) {
        out.u64(tool.name);
        out.u64(tool.pinned);
      }
    }
  }
  [[nodiscard]] std::size_t bytes() const override {
    std::size_t bytes = sizeof(*this) + servers_.capacity() * sizeof(Server);
    for (const Server& entry : servers_) bytes += entry.tools.capacity() * sizeof(Tool);
    return bytes;
  }
  [[nodiscard]] static std::unique_ptr<ChannelMemory> decode(Reader& in) {
    if (in.u8() != kVersion) return nullptr;
    auto memory = std::make_unique<Definitions>();
    const std::size_t servers = in.count(sizeof(std::uint64_t) + 2, kServersMost);
    for (std::size_t i = 0; i < servers; ++i) {
      Server& entry = memory->servers_.emplace_back();
      entry.name = in.u64();
      entry.whole = in.u8() == 1;
      entry.tools.resize(in.count(2 * sizeof(std::uint64_t), kToolsMost));
      for (Tool& tool : entry.tools) {
        tool.name = in.u64();
        tool.pinned = in.u64();
      }
    }
    return in.ok() ? std::move(memory) : nullptr;
  }

 private:
  std::vector<Server> servers_;
};

/// Hash of a definition's digest, never 0; the case of hex digits says nothing.
std::uint64_t digest_of(const Text& sha256) {
  if (!sha256) return 0;
  std::string small(*sha256);
  std::ranges::transform(small, small.begin(), [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c; });
  return std::max<std::uint64_t>(hash64(small), 1);
}

void change(scope::Ruling& ruling, const Event& event, std::string_view what) {
  ruling.breach(Analytic::ToolDefinitionChanged,
                std::string(what) + " tool " + scope::tool_words(event) + " differs from the one seen before");
}

scope::Ruling define(Definitions& known, const Event& event) {
  scope::Ruling ruling;
  Definitions::Server* server = known.add_server(hash64(*event.tool.server));
  if (server == nullptr) return ruling;
  const std::uint64_t name = hash64(*event.tool.name);
  const std::uint64_t digest = digest_of(event.tool.definition_sha256);
  const auto tool = std::ranges::find(server->tools, name, &Definitions::Tool::name);
  if (tool == server->tools.end()) {
    if (known.full()) {
      server->whole = false;
    } else {
      server->tools.push_back({name, digest});
    }
    return ruling;
  }
  if (digest == 0) return ruling;
  if (tool->pinned != 0 && tool->pinned != digest) change(ruling, event, "the new definition of");
  tool->pinned = digest;
  return ruling;
}

/// A name proves foreign only where everything its server defined is known.
bool unregistered(const Definitions::Server& server, const Event& event) {
  return server.whole && std::ranges::find(server.tools, hash64(*event.tool.name), &Definitions::Tool::name) == server.tools.end();
}

scope::Ruling judge_call(const Definitions& known, const Event& event) {
  scope::Ruling ruling;
  const Definitions::Server* server = known.server(hash64(*event.tool.server));
  if (server == nullptr) return ruling;
  const auto tool = std::ranges::find(server->tools, hash64(*event.tool.name), &Definitions::Tool::name);
  if (tool == server->tools.end()) {
    if (unregistered(*server, event))
      ruling.breach(Analytic::ToolUnregistered, "tool " + scope::tool_words(event) + " is not among those its server has defined");
    return ruling;
  }
  const std::uint64_t digest = digest_of(event.tool.definition_sha256);
  if (digest != 0 && tool->pinned != 0 && digest != tool->pinned) change(ruling, event, "the definition named by a call to");
  return ruling;
}

/// What is known to whoever acts: under a borrowed name what the agent knew when something was first defined there, and that.
const Definitions* definitions(const Act& act) {
  const ChannelMemory* const own = act.past(ChannelId::Supply).get();
  return static_cast<const Definitions*>(own != nullptr ? own : act.owners(ChannelId::Supply));
}

/// The same, to be added to.
Definitions& own_definitions(const Act& act) {
  auto& slot = act.past(ChannelId::Supply);
  if (!slot && definitions(act) != nullptr) slot = std::make_unique<Definitions>(*definitions(act));
  return scope::memory_in<Definitions>(slot);
}

class SupplyChannel final : public Channel {
 public:
  [[nodiscard]] const ChannelInfo& info() const override {
    static const ChannelInfo kInfo{ChannelId::Supply, "supply", {}, {}, {}, true};
    return kInfo;
  }
  [[nodiscard]] std::vector<std::vector<double>> caps(const Persona& /*persona*/) const override { return {}; }
  [[nodiscard]] std::span<const Bet> bets() const override { return {}; }

  [[nodiscard]] std::unique_ptr<ChannelMemory> decode_memory(MemoryScope scope, Reader& in) const override {
    return scope == MemoryScope::Agent ? Definitions::decode(in) : nullptr;
  }

  [[nodiscard]] Reading read(const Act& act) const override {
    Reading reading = Reading::of(Reading::Kind::Silent);
    const Event& event = act.event;
    if (!event.tool.server || !event.tool.name) return reading;
    if (event.kind == EventKind::ToolDefinition) reading.breaches = define(own_definitions(act), event).breaches;
    const Definitions* const known = event.kind == EventKind::ToolCall ? definitions(act) : nullptr;
    if (known != nullptr) reading.breaches = judge_call(*known, event).breaches;
    return reading;
  }

  [[nodiscard]] Description describe(const Act& /*act*/, Threat /*threat*/) const override { return {}; }
};

}  // namespace

bool outside_catalogue(const Act& act) {
  const Definitions* const known = definitions(act);
  if (known == nullptr || !act.event.tool.server || !act.event.tool.name) return false;
  const Definitions::Server* const server = known->server(hash64(*act.event.tool.server));
  return server != nullptr && unregistered(*server, act.event);
}

const Channel& supply_channel() {
  static const SupplyChannel kChannel;
  return kChannel;
}

}  // namespace ringfence
