// SPDX-License-Identifier: Apache-2.0
#include "models/barrier_memory.h"

#include <algorithm>

namespace ringfence {
namespace {

constexpr std::uint8_t kVersion = 6, kAgentVersion = 3;
/// Versions before of a session, which knew no moments: without open requests; with them in front. Which knew when the run of refusals
/// began alone. Which knew of no run but the present one. And which knew nothing of what the refused calls of a tool had in common.
constexpr std::uint8_t kTimeless = 1, kTimelessAsking = 2, kRunAlone = 3, kPresentRun = 4, kPlaceless = 5;
/// Flags of a session.
enum Flag : std::uint8_t { kAfterRefusal = 1, kTextKnown = 2, kHashesKnown = 4, kRefused = 8, kAsking = 16 };
/// Versions before of an agent: targets with all their bits; no values.
constexpr std::uint8_t kWholeTargets = 1, kWithoutValues = 2;
constexpr std::size_t kValueBytes = 64, kSaidBytes = 128;

constexpr std::uint32_t low(std::uint64_t hash) { return static_cast<std::uint32_t>(hash); }
constexpr std::uint16_t low16(std::uint32_t serial) { return static_cast<std::uint16_t>(serial & 0xFFFFU); }

std::uint16_t narrow16(Reader& in) {
  const std::uint64_t v = in.varint();
  if (v > UINT16_MAX) in.fail();
  return static_cast<std::uint16_t>(v);
}

void encode(Writer& out, const Refused::Value& value) {
  out.text(value.text);
  out.varint(value.template_hash);
}

Refused::Value decode_value(Reader& in) {
  const std::string_view text = in.text();
  if (text.size() > kValueBytes) in.fail();
  std::string kept(text.substr(0, kValueBytes));
  return {std::move(kept), in.varint32()};
}

void encode(Writer& out, const Refused& r) {
  out.u64(r.target);
  out.varint(r.tool);
  out.varint(r.credential);
  out.u8(r.effect ? static_cast<std::uint8_t>(static_cast<unsigned>(*r.effect) + 1U) : std::uint8_t{0});
  out.varint(r.keys.size());
  for (const std::uint32_t key : r.keys) out.varint(key);
  out.varint(r.values.size());
  for (const Refused::Value& value : r.values) encode(out, value);
  out.varint(r.paths.size());
  for (const std::uint16_t path : r.paths) out.varint(path);
  encode_moment(out, r.since);
}

Refused decode_refused(Reader& in, std::uint8_t version) {
  Refused r;
  r.target = in.u64();
  r.tool = in.varint32();
  r.credential = in.varint32();
  const std::uint8_t effect = in.u8();
  if (effect > kEffects) in.fail();
  if (effect > 0) r.effect = static_cast<Effect>(effect - 1);
  for (std::size_t n = in.count(1, Refused::kKeys); n > 0; --n) r.keys.add(in.varint32());
  for (std::size_t n = in.count(2, Refused::kValues); n > 0; --n) r.values.push_back(decode_value(in));
  for (std::size_t n = in.count(1, Refused::kPaths); n > 0; --n) r.paths.add(narrow16(in));
  if (version >= kRunAlone) r.since = decode_moment(in);
  return r;
}

void encode(Writer& out, const Asked& a) {
  out.u64(a.event);
  out.u64(a.target);
  out.varint(a.tool);
  out.varint(a.credential);
  out.varint(a.keys.size());
  for (const std::uint32_t key : a.keys) out.varint(key);
  out.varint(a.said.size());
  for (const Asked::Said& said : a.said) {
    out.u8(said.hashed ? 1 : 0);
    out.text(said.text);
  }
}

Asked decode_asked(Reader& in) {
  Asked a;
  a.event = in.u64();
  a.target = in.u64();
  a.tool = in.varint32();
  a.credential = in.varint32();
  for (std::size_t n = in.count(1, Refused::kKeys); n > 0; --n) a.keys.add(in.varint32());
  for (std::size_t n = in.count(2, Asked::kSaid); n > 0 && in.ok(); --n) {
    const bool hashed = in.u8() != 0;
    const std::string_view text = in.text();
    if (text.size() > kSaidBytes) in.fail();
    a.said.push_back({std::string(text.substr(0, kSaidBytes)), hashed});
  }
  return a;
}

void encode(Writer& out, const Conduct& c) {
  for (const std::uint32_t v : {c.tool, c.calls, c.refused, c.near, c.unread, c.malformed}) out.varint(v);
  out.u64(c.near_lengths);
  out.u8(c.grounds_known ? 1 : 0);
  out.varint(c.place);
  out.varint(c.named.size());
  for (const std::uint32_t one : c.named) out.varint(one);
}

Conduct decode_conduct(Reader& in, std::uint8_t version) {
  Conduct c;
  for (std::uint32_t* v : {&c.tool, &c.calls, &c.refused, &c.near, &c.unread, &c.malformed}) *v = in.varint32();
  c.near_lengths = in.u64();
  c.grounds_known = in.u8() != 0;
  if (version <= kPlaceless) return c;
  c.place = in.varint32();
  for (std::size_t n = in.count(1, Conduct::kNamed); n > 0; --n) c.named.add(in.varint32());
  return c;
}

}  // namespace

// ---- BarrierSession

void BarrierSession::push(Refused refused) {
  if (!refusals) refusals = std::make_unique<Refusals>();
  std::vector<Refused>& ring = refusals->ring;
  const auto same = std::ranges::find_if(
      ring, [&](const Refused& r) { return r.target == refused.target && r.tool == refused.tool && r.credential == refused.credential; });
  if (same != ring.end()) {
    std::rotate(same, same + 1, ring.end());
    return;
  }
  if (ring.size() == kRing) ring.erase(ring.begin());
  ring.push_back(std::move(refused));
}

void BarrierSession::forget(std::uint32_t tool, std::uint64_t target) {
  if (refusals) std::erase_if(refusals->ring, [&](const Refused& r) { return r.tool == tool && r.target == target; });
}

void BarrierSession::end_run(Moment now) {
  after_refusal = false;
  if (!refusals) return;
  std::vector<Run>& runs = refusals->runs;
  if (runs.size() == kRuns) {
    runs[1].began = runs[0].began;
    runs.erase(runs.begin());
  }
  runs.push_back({run_began, now});
}

bool BarrierSession::ran_at(Moment moment) const {
  return refusals && std::ranges::any_of(refusals->runs, [&](const Run& run) { return run.began <= moment && moment < run.ended; });
}

Conduct* BarrierSession::conduct(std::uint32_t tool, bool make) {
  if (!refusals) return nullptr;
  std::vector<Conduct>& all = refusals->conducts;
  const auto found = std::ranges::find(all, tool, &Conduct::tool);
  if (found != all.end()) {
    if (make) std::rotate(found, found + 1, all.end());
    return make ? &all.back() : &*found;
  }
  if (!make) return nullptr;
  if (all.size() == kConducts) all.erase(all.begin());
  all.push_back({.tool = tool});
  return &all.back();
}

void BarrierSession::keep(Asked request) {
  if (!asked) asked = std::make_unique<std::vector<Asked>>();
  if (asked->size() == kAsked) asked->erase(asked->begin());
  asked->push_back(std::move(request));
}

std::optional<Asked> BarrierSession::take(std::uint64_t event) {
  if (!asked) return std::nullopt;
  const auto found = std::ranges::find(*asked, event, &Asked::event);
  if (found == asked->end()) return std::nullopt;
  std::optional<Asked> request(std::move(*found));
  asked->erase(found);
  if (asked->empty()) asked.reset();
  return request;
}

void BarrierSession::encode(Writer& out) const {
  out.u8(kVersion);
  const auto flag = [](bool set, Flag bit) { return set ? unsigned{bit} : 0U; };
  const unsigned flags = flag(after_refusal, kAfterRefusal) | flag(text_known, kTextKnown) | flag(hashes_known, kHashesKnown) |
                         flag(refusals != nullptr, kRefused) | flag(asked != nullptr, kAsking);
  out.u8(static_cast<std::uint8_t>(flags));
  if (asked) {
    out.varint(asked->size());
    for (const Asked& request : *asked) ringfence::encode(out, request);
  }
  out.varint(serial);
  out.varint(credentials.size());
  for (const std::uint32_t credential : credentials) out.varint(credential);
  seen.encode(out);
  if (!refusals) return;
  encode_moment(out, run_began);
  encode_moment(out, refused_last);
  out.varint(refusals->ring.size());
  for (const Refused& refused : refusals->ring) ringfence::encode(out, refused);
  out.varint(refusals->conducts.size());
  for (const Conduct& one : refusals->conducts) ringfence::encode(out, one);
  out.varint(refusals->runs.size());
  for (const Run& run : refusals->runs) {
    encode_moment(out, run.began);
    encode_moment(out, run.ended);
  }
}

std::unique_ptr<BarrierSession> BarrierSession::decode(Reader& in) {
  const std::uint8_t version = in.u8();
  if (version < kTimeless || version > kVersion) return nullptr;
  auto session = std::make_unique<BarrierSession>();
  const auto take_asked = [&] {
    const std::size_t open = in.count(20, kAsked);
    if (open == 0) in.fail();
    for (std::size_t i = 0; i < open && in.ok(); ++i) session->keep(decode_asked(in));
  };
  if (version == kTimelessAsking) take_asked();
  const std::uint8_t flags = in.u8();
  if (flags >= (version >= kRunAlone ? 2 * kAsking : 2 * kRefused)) return nullptr;
  if ((flags & kAsking) != 0) take_asked();
  session->after_refusal = (flags & kAfterRefusal) != 0;
  session->text_known = (flags & kTextKnown) != 0;
  session->hashes_known = (flags & kHashesKnown) != 0;
  session->serial = in.varint32();
  for (std::size_t n = in.count(1, kCredentials); n > 0; --n) session->credentials.push_back(in.varint32());
  if (!session->seen.decode(in)) return nullptr;
  if ((flags & kRefused) != 0) {
    session->refusals = std::make_unique<Refusals>();
    if (version >= kRunAlone) session->run_began = decode_moment(in);
    session->refused_last = version >= kPresentRun ? decode_moment(in) : session->run_began;
    for (std::size_t n = in.count(13, kRing); n > 0 && in.ok(); --n) session->refusals->ring.push_back(decode_refused(in, version));
    for (std::size_t n = in.count(15, kConducts); n > 0 && in.ok(); --n) session->refusals->conducts.push_back(decode_conduct(in, version));
    for (std::size_t n = version > kPresentRun ? in.count(4, kRuns) : 0; n > 0 && in.ok(); --n) {
      const Moment began = decode_moment(in);
      session->refusals->runs.push_back({began, decode_moment(in)});
    }
  }
  return in.ok() ? std::move(session) : nullptr;
}

std::size_t BarrierSession::bytes() const {
  std::size_t sum = sizeof(*this) + seen.bytes() + credentials.capacity() * sizeof(std::uint32_t);
  if (asked) {
    sum += sizeof(std::vector<Asked>) + asked->capacity() * sizeof(Asked);
    for (const Asked& request : *asked) {
      sum += request.said.capacity() * sizeof(Asked::Said);
      for (const Asked::Said& said : request.said) sum += said.text.capacity();
    }
  }
  if (!refusals) return sum;
  sum += sizeof(Refusals) + refusals->ring.capacity() * sizeof(Refused) + refusals->conducts.capacity() * sizeof(Conduct) +
         refusals->runs.capacity() * sizeof(Run);
  for (const Refused& r : refusals->ring) {
    sum += r.values.capacity() * sizeof(Refused::Value);
    for (const Refused::Value& value : r.values) sum += value.text.capacity();
  }
  return sum;
}

// ---- BarrierAgent

const BarrierAgent::DeadEnd* BarrierAgent::earlier(std::uint64_t target, std::uint32_t serial) const {
  const auto found = std::ranges::find(dead_ends_, low(target), &DeadEnd::target);
  return found == dead_ends_.end() || found->first == serial ? nullptr : &*found;
}

bool BarrierAgent::met_last_in(std::uint64_t target, std::uint32_t serial) const {
  return std::ranges::any_of(dead_ends_, [&](const DeadEnd& d) { return d.target == low(target) && d.last == low16(serial); });
}

void BarrierAgent::note(std::uint64_t target, std::uint32_t serial) {
  const auto found = std::ranges::find(dead_ends_, low(target), &DeadEnd::target);
  const std::uint16_t latest = low16(serial);
  if (found != dead_ends_.end()) {
    if (found->last != latest) {
      found->last = latest;
      if (found->sessions < UINT16_MAX) ++found->sessions;
    }
    std::rotate(found, found + 1, dead_ends_.end());
    return;
  }
  if (dead_ends_.size() == kDeadEnds) dead_ends_.erase(dead_ends_.begin());
  dead_ends_.push_back({.target = low(target), .first = serial, .sessions = 1, .last = latest});
}

void BarrierAgent::keep(std::uint64_t target, const std::vector<Refused::Value>& values) {
  for (const Refused::Value& value : values) {
    std::erase_if(values_, [&](const RefusedValue& known) { return known.value.text == value.text; });
    if (values_.size() == kValues) values_.erase(values_.begin());
    values_.push_back({low(target), value});
  }
}

void BarrierAgent::forget(std::uint64_t target) {
  std::erase_if(dead_ends_, [&](const DeadEnd& d) { return d.target == low(target); });
  std::erase_if(values_, [&](const RefusedValue& v) { return v.target == low(target); });
}

void BarrierAgent::encode(Writer& out) const {
  out.u8(kAgentVersion);
  out.varint(serials_);
  out.varint(dead_ends_.size());
  for (const DeadEnd& d : dead_ends_) {
    out.varint(d.target);
    out.varint(d.first);
    out.varint(d.sessions);
    out.varint(d.last);
  }
  out.varint(values_.size());
  for (const RefusedValue& v : values_) {
    out.varint(v.target);
    ringfence::encode(out, v.value);
  }
}

std::unique_ptr<BarrierAgent> BarrierAgent::decode(Reader& in) {
  const std::uint8_t version = in.u8();
  if (version < kWholeTargets || version > kAgentVersion) return nullptr;
  auto agent = std::make_unique<BarrierAgent>();
  agent->serials_ = in.varint32();
  for (std::size_t n = in.count(4, kDeadEnds); n > 0; --n) {
    DeadEnd d;
    d.target = version == kWholeTargets ? low(in.u64()) : in.varint32();
    d.first = in.varint32();
    d.sessions = narrow16(in);
    d.last = narrow16(in);
    agent->dead_ends_.push_back(d);
  }
  if (version <= kWithoutValues) return in.ok() ? std::move(agent) : nullptr;
  for (std::size_t n = in.count(3, kValues); n > 0 && in.ok(); --n) {
    const std::uint32_t target = in.varint32();
    agent->values_.push_back({target, decode_value(in)});
  }
  return in.ok() ? std::move(agent) : nullptr;
}

std::size_t BarrierAgent::bytes() const {
  std::size_t sum = sizeof(*this) + dead_ends_.capacity() * sizeof(DeadEnd) + values_.capacity() * sizeof(RefusedValue);
  for (const RefusedValue& v : values_) sum += v.value.text.capacity();
  return sum;
}

}  // namespace ringfence
