// SPDX-License-Identifier: Apache-2.0
#include "models/scope_destination.h"

#include <algorithm>

#include "engine/event/char_set.h"
#include "engine/event/declared_host.h"
#include "engine/event/limits.h"
#include "engine/persona/values.h"
#include "models/byte_masks.h"
#include "models/flow_act.h"
#include "models/scope_memory.h"
#include "models/scope_task.h"

namespace ringfence::scope {

namespace {

constexpr CharSet kAddressBreaks(" \t\r\n\v\f,;<>\"'()[]{}"), kSpaces(" \t\r\n\v\f"), kAuthorityEnds("/\\?#"), kBehindScheme("/\\?#@"),
    kAddressSigns("@0123456789");
/// Of these alone are most hosts made, and nothing in them means anything but the name.
constexpr bytes::Set kPlainHost("0123456789abcdefghijklmnopqrstuvwxyz-_.");
constexpr std::size_t kHostBytes = 255;

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view without_final_dots(std::string_view text) {
  while (text.ends_with('.')) text.remove_suffix(1);
  return text;
}

/// What stands behind a URL's scheme, or all of a bare host or address.
std::string_view without_scheme(std::string_view text) {
  const std::size_t scheme = text.find("://");
  if (scheme != std::string_view::npos && !kBehindScheme.any_in(text.substr(0, scheme))) text.remove_prefix(scheme + 3);
  return text;
}

/// Without brackets, port and final dots.
std::string_view host_in(std::string_view text) {
  if (text.starts_with('[')) return text.substr(1, text.find(']') - 1);
  const std::size_t colon = text.rfind(':');
  if (colon != std::string_view::npos && text.find(':') == colon && all_digits(text.substr(colon + 1))) text = text.substr(0, colon);
  return without_final_dots(text);
}

/// The authority of a URL without user and port, or what stands in its place in a bare host or address. Read as a browser reads it: the
/// first of `/ \ ? #` ends it and the last `@` begins it, whatever is made to look like a host around them.
std::string_view authority_of(std::string_view text) {
  if (bytes::all_in<kPlainHost>(text)) return without_final_dots(text);
  text = without_scheme(text);
  text = text.substr(0, kAuthorityEnds.find(text));
  if (const std::size_t user = text.rfind('@'); user != std::string_view::npos) text.remove_prefix(user + 1);
  return host_in(text);
}

/// What other readers take for the host where it is not the browser's: those that know no `\`, those to whom the first `@` ends the user,
/// and mailers, to whom nothing but the last `@` ends a mailbox.
ShortList<std::string_view, 4> other_authorities_of(std::string_view text) {
  ShortList<std::string_view, 4> others;
  if (text.find('@') == std::string_view::npos && text.find('\\') == std::string_view::npos) return others;
  const std::string_view browsers = authority_of(text), behind = without_scheme(text);
  const auto add = [&](std::string_view host) {
    if (host != browsers && std::ranges::find(others, host) == others.end()) others.push_back(host);
  };
  const std::string_view authority = behind.substr(0, behind.find_first_of("/?#"));
  const std::size_t first = authority.find('@'), last = authority.rfind('@');
  add(host_in(last == std::string_view::npos ? authority : authority.substr(last + 1)));
  if (first != last) add(host_in(authority.substr(first + 1, authority.find('@', first + 1) - first - 1)));
  const bool mailbox = behind.size() == text.size() && first != std::string_view::npos;
  if (mailbox && text.rfind('@') > last) {
    const std::string_view domain = text.substr(text.rfind('@') + 1);
    add(host_in(domain.substr(0, kAuthorityEnds.find(domain))));
  }
  return others;
}

/// Letters, digits, `- _ . :` and what is not ASCII, as in internationalised names.
bool spells_host(std::string_view text) {
  return !text.empty() && text.size() <= kHostBytes &&
         std::ranges::all_of(text, [](char c) { return kHostAscii.has(c) || (static_cast<unsigned char>(c) & 0x80U) != 0; });
}

bool has_dotted_name(std::string_view host) {
  const std::size_t dot = host.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || host.find("..") != std::string_view::npos) return false;
  const std::string_view last = host.substr(dot + 1);
  return all_digits(last) ? std::ranges::count(host, '.') == 3 : last.size() >= 2;
}

void add(Targets& targets, const Target& target) {
  if (targets.first.size() < Targets::kMost) {
    targets.first.push_back(target);
  } else {
    targets.more = true;
  }
}

/// "Ann <ann@corp.example>, bob@elsewhere.example" is as many destinations as it names.
void add_values(Targets& targets, const Target& as_given) {
  const std::string_view whole = as_given.whole;
  const bool addresses = whole.find('@') != std::string_view::npos || whole.find("://") != std::string_view::npos;
  if (!addresses || !kAddressBreaks.any_in(whole)) return add(targets, as_given);
  bool any = false;
  for (std::size_t at = 0; at < whole.size() && !targets.more;) {
    const std::size_t end = kAddressBreaks.find(whole, at);
    Target piece = as_given;
    piece.value = whole.substr(at, end - at);
    at = end + 1;
    if (!kAddressSigns.any_in(piece.value) && !host_of(piece.value)) continue;  // a word of a display name is none
    add(targets, piece);
    any = true;
  }
  if (!any && as_given.kind == Target::Kind::Host) add(targets, as_given);
}

void add_argument_targets(const Act& act, Targets& targets) {
  if (!act.match.action) return;
  for (const ArgumentRule& rule : act.persona.actions[*act.match.action].arguments) {
    if (!rule.destination) continue;
    for (const JsonLeaf* leaf : argument_leaves(act.event, rule)) {
      const bool value = leaf->kind == JsonLeaf::Kind::String || leaf->kind == JsonLeaf::Kind::Number;
      if (value && !leaf->text.empty() && !targets.more)
        add_values(targets, {Target::Kind::Argument, rule.name, leaf->text, leaf->text, &rule});
    }
  }
}

enum class Answer { Permitted, Barred, Unknown };

Answer beyond_lists(const Act& act, const Target& target) {
  switch (act.persona.destinations.external) {
    case External::Any:
      return Answer::Permitted;
    case External::None:
    case External::Listed:
      return Answer::Barred;
    case External::Grounded:
      break;
  }
  const Given by_task = task_gives(act, target.value);
  if (by_task == Given::Yes) return Answer::Permitted;
  // Who names one mailbox of a provider has not named the others.
  const bool mailbox = target.value.find('@') != std::string_view::npos && target.value.find("://") == std::string_view::npos;
  const bool one_reading = !mailbox && other_authorities_of(target.value).empty();
  const std::optional<std::string> host = one_reading ? host_of(target.value) : std::nullopt;
  const flow::Grounded whole = flow::grounded(act, target.value);
  const flow::Grounded by_host = host && whole != flow::Grounded::Yes ? flow::grounded(act, *host) : whole;
  if (whole == flow::Grounded::Yes || by_host == flow::Grounded::Yes) return Answer::Permitted;
  const bool unknown = whole == flow::Grounded::Unknown && by_host == flow::Grounded::Unknown;
  return unknown || by_task == Given::Perhaps ? Answer::Unknown : Answer::Barred;
}

bool listed_host(const Act& act, std::string_view host) {
  const bool plain = !host.empty() && host.size() <= kHostBytes && bytes::all_in<kPlainHost>(host);
  if (!plain && !spells_host(host)) return false;
  const Destinations& declared = act.persona.destinations;
  const std::string small = plain ? std::string() : lower_ascii(host);
  const auto holds = [&](const GlobSet& globs) { return globs.matches(plain ? host : small); };
  return holds(declared.hosts) || (declared.internal && holds(*declared.internal));
}

/// Whatever its reader takes for the host.
bool listed_hosts(const Act& act, std::string_view text) {
  return listed_host(act, authority_of(text)) &&
         std::ranges::all_of(other_authorities_of(text), [&](std::string_view host) { return listed_host(act, host); });
}

bool listed_account(const Act& act, const Target& target) {
  const Destinations& declared = act.persona.destinations;
  return (declared.accounts && (declared.accounts->contains(target.value) || declared.accounts->contains(target.whole))) ||
         declared.agents.matches(target.value) || act.persona.delegation.to.matches(target.value);
}

/// An argument whose own rule says which values it may have is listed by the persona; a glob must hold for each address of several.
bool listed_by_rule(const Target& target) {
  const auto in = [&](const std::optional<ValueSet>& set) { return set && (set->contains(target.whole) || set->contains(target.value)); };
  return in(target.rule->in_list) || in(target.rule->one_of) || (target.rule->glob && target.rule->glob->matches(target.value));
}

Answer answer_for(const Act& act, const Target& target) { return listed(act, target) ? Answer::Permitted : beyond_lists(act, target); }

std::string external_words(External external) {
  switch (external) {
    case External::None:
      return "external: none";
    case External::Listed:
      return "external: listed";
    case External::Grounded:
      return "external: grounded";
    case External::Any:
      break;
  }
  return "external: any";
}

/// Destinations never contacted before against `new_per_day`; `permitted` are the keys of this act's targets. What is not known to be new,
/// or is new on a day that is kept no longer, is not evaluable.
Ruling judge_new(const Act& act, const std::vector<std::uint64_t>& permitted) {
  Ruling ruling;
  if (!act.persona.destinations.new_per_day || permitted.empty()) return ruling;
  const auto most = static_cast<std::uint64_t>(std::max<std::int64_t>(*act.persona.destinations.new_per_day, 0));
  auto& memory = memory_in<AgentMemory>(act.past(ChannelId::Scope));
  const auto* const owner = static_cast<const AgentMemory*>(act.owners(ChannelId::Scope));
  std::uint32_t* const today = memory.new_destinations.at(act.set.calendar(act.persona).local_day(act.event.time));
  const bool reaches = act.event.phase == Phase::Request || act.event.outcome.status != Outcome::Denied;
  std::uint64_t beyond = 0;
  for (const std::uint64_t key : permitted) {
    AgentMemory::Contacted contacted = memory.contacted(key);
    if (contacted == AgentMemory::Contacted::Never && owner != nullptr) contacted = owner->knows(key);
    if (contacted == AgentMemory::Contacted::Before) continue;
    const bool evaluable = contacted == AgentMemory::Contacted::Never && today != nullptr;
    if (!evaluable) ruling.lacks(Lacking::Past);
    if (evaluable && *today >= most) {
      ++beyond;
    } else if (reaches) {
      if (evaluable) ++*today;
      memory.contact(key);
    }
  }
  if (beyond > 0) {
    ruling.breach(Analytic::ScopeDestination, std::to_string(beyond) + " more new destination" + (beyond == 1 ? "" : "s") +
                                                  " today than the declared new_per_day of " + std::to_string(most));
  }
  return ruling;
}

/// The job says where acts may go, or where what was read may not.
bool limits_destinations(const Persona& job) {
  return job.destinations.external != External::Any || job.destinations.new_per_day ||
         std::ranges::any_of(job.flows, [](const FlowRule& rule) { return !rule.allow; });
}

/// It goes somewhere by its effect, or its action has an argument that says where.
bool goes_somewhere(const Act& act) {
  if (act.effect == Effect::Send || act.effect == Effect::Transfer) return true;
  return act.match.action && std::ranges::any_of(act.persona.actions[*act.match.action].arguments, &ArgumentRule::destination);
}

}  // namespace

Targets targets_of(const Act& act) {
  Targets targets;
  for (const std::string_view host : act.event.destination.hosts)
    add_values(targets, {Target::Kind::Host, "destination.host", host, host, nullptr});
  for (const std::string_view account : act.event.destination.accounts)
    add(targets, {Target::Kind::Account, "destination.account", account, account, nullptr});
  add_argument_targets(act, targets);
  return targets;
}

bool listed(const Act& act, const Target& target) {
  switch (target.kind) {
    case Target::Kind::Host:
      return listed_hosts(act, target.value);
    case Target::Kind::Account:
      return listed_account(act, target);
    case Target::Kind::Argument:
      break;
  }
  return listed_by_rule(target) || (host_of(target.value) && listed_hosts(act, target.value)) || listed_account(act, target);
}

std::optional<std::string> host_of(std::string_view text) {
  if (bytes::all_in<kPlainHost>(text)) {
    const std::string_view host = without_final_dots(text);
    return host.size() <= kHostBytes && has_dotted_name(host) ? std::optional<std::string>(host) : std::nullopt;
  }
  const bool written_as_address = text.find("://") != std::string_view::npos;
  // Of a path's text only what stands before its first slash could be a host.
  if (!written_as_address && text.substr(0, kAuthorityEnds.find(text)).find('.') == std::string_view::npos) return std::nullopt;
  if (kSpaces.any_in(text)) return std::nullopt;
  const std::string_view host = authority_of(text);
  if (!spells_host(host)) return std::nullopt;
  if (!written_as_address && !has_dotted_name(host)) return std::nullopt;
  return lower_ascii(host);
}

std::vector<std::optional<std::string>> hosts_to_list(std::string_view text) {
  Targets targets;
  add_values(targets, {Target::Kind::Host, "destination.host", text, text, nullptr});
  std::vector<std::optional<std::string>> hosts;
  for (const Target& target : targets.first) {
    const std::string_view host = authority_of(target.value);
    const bool sayable = spells_host(host) && !host_fault(host) && other_authorities_of(target.value).empty();
    hosts.push_back(sayable ? std::optional(lower_ascii(host)) : std::nullopt);
  }
  return hosts;
}

bool leads_to(std::string_view text, const std::function<bool(const std::string& host)>& such) {
  const std::optional<std::string> host = host_of(text);
  return host && such(*host) && std::ranges::all_of(other_authorities_of(text), [&](std::string_view other) {
           return spells_host(other) && such(lower_ascii(other));
         });
}

bool is_bare_host_of(const Act& act, std::string_view text) {
  const bool bare = text.find('@') == std::string_view::npos && text.find("://") == std::string_view::npos;
  return bare && std::ranges::find(act.event.destination.hosts, text) != act.event.destination.hosts.end();
}

std::string lower_host_in(std::string_view text) {
  std::string out(text);
  const std::size_t scheme = text.find("://"), begin = scheme == std::string_view::npos ? 0 : scheme + 3;
  const std::size_t end = scheme == std::string_view::npos ? text.size() : std::min(text.find_first_of("/\\?#", begin), text.size());
  const std::size_t user = text.substr(0, end).rfind('@');
  if (scheme == std::string_view::npos && user == std::string_view::npos) return out;  // an account, or a host alone
  const std::size_t host = user == std::string_view::npos || user < begin ? begin : user + 1;
  return out.replace(host, end - host, lower_ascii(text.substr(host, end - host)));
}

bool covers_destinations(const Glob& glob, const Act& act, const std::vector<std::string>& values) {
  const Glob host_glob(lower_ascii(glob.pattern())), address_glob(lower_host_in(glob.pattern()));
  const auto covers = [&](std::string_view value) {
    const bool as_it_is = is_bare_host_of(act, value) ? host_glob.matches(lower_ascii(value)) : address_glob.matches(lower_host_in(value));
    return as_it_is || leads_to(value, [&](const std::string& host) { return host_glob.matches(host); });
  };
  if (!values.empty()) return std::ranges::all_of(values, covers);
  const Targets targets = targets_of(act);
  if (targets.more) return false;
  bool any_place = false, all_places = true, any_account = false, all_accounts = true;
  for (const Target& target : targets.first) {
    const bool account = target.kind == Target::Kind::Account || (target.kind == Target::Kind::Argument && !host_of(target.value));
    (account ? any_account : any_place) = true;
    bool& all = account ? all_accounts : all_places;
    all = all && covers(target.value);
  }
  return (any_place && all_places) || (any_account && all_accounts);
}

bool barred(const Act& act, const Target& target) { return answer_for(act, target) == Answer::Barred; }

Ruling judge_destinations(const Act& act) {
  Ruling ruling;
  std::vector<std::uint64_t> permitted;
  const Target* told = nullptr;
  const Targets targets = targets_of(act);
  if (targets.first.empty() && goes_somewhere(act) && limits_destinations(act.persona)) ruling.lacks(Lacking::Destination);
  for (const Target& target : targets.first) {
    const Answer answer = answer_for(act, target);
    if (answer == Answer::Unknown) ruling.lacks(Lacking::Grounding);
    if (answer != Answer::Barred) {
      if (!act.persona.destinations.new_per_day) continue;
      const std::optional<std::string> host = target.kind == Target::Kind::Account ? std::nullopt : host_of(target.value);
      permitted.push_back(hash64(host ? *host : lower_ascii(target.value)));
    } else if (told != nullptr && (told->name == target.name || told->value == target.value)) {
      // One breach per field or argument whatever the number of its values, and none for a value said twice.
      ruling.breaches.back().targets.emplace_back(target.value);
    } else {
      told = &target;
      ruling.breach(Analytic::ScopeDestination, std::string(target.name) + ", " + value_words(act.persona, target.name, target.value) +
                                                    ", is not a declared destination (" +
                                                    external_words(act.persona.destinations.external) + ")");
      ruling.breaches.back().targets.emplace_back(target.value);
    }
  }
  if (targets.more && act.persona.destinations.external != External::Any) {
    ruling.breach(Analytic::ScopeDestination, "it names more than " + std::to_string(Targets::kMost) + " destinations");
  }
  ruling += judge_new(act, permitted);
  return ruling;
}

}  // namespace ringfence::scope
