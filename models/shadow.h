// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/event.h"
#include "engine/persona/persona.h"
#include "engine/state/channel_memory.h"

namespace ringfence {

/// What an agent without a persona has been seen to do: its job as far as its calls tell it (docs/design/detection.md §3.6, shadow agents).
/// Counts only, each list bounded and its overflow told; no argument, no result. Such an agent is never judged by statistics.
/// At most 12 KiB, and only for agents without a persona; about 0.2 us a call. Owned by the agent's state, one thread.
class ShadowProfile final : public ChannelMemory {
 public:
  static constexpr std::size_t kTools = 64, kPlaces = 32, kFew = 8;
  static constexpr std::size_t kTextBytes = 160;

  struct Tool {
    std::string server, name;  // server empty: none was named
    std::optional<Effect> effect;
    std::uint64_t count = 0;
    std::uint64_t refused = 0;  // of these
  };
  struct Seen {
    std::string text;
    std::uint64_t count = 0;
  };
  /// Texts with counts, in order of first sight.
  struct List {
    std::vector<Seen> seen;
    bool whole = true;    // false: one found no room
    bool unsaid = false;  // one was empty, too long or no host, so that no list could say it
    void note(std::string_view text, std::size_t most);
    [[nodiscard]] bool complete() const { return whole && !unsaid; }
  };

  std::uint64_t calls = 0, refused = 0;
  std::uint32_t depth = 0;  // of delegation, the deepest
  std::vector<Tool> tools;
  bool all_tools = true;
  List hosts, accounts, classes, parents, keys;
  std::array<std::uint64_t, 24> hours{};  // UTC

  void note(const Event& call);

  void encode(Writer& out) const override;
  [[nodiscard]] std::size_t bytes() const override;
  [[nodiscard]] static std::unique_ptr<ChannelMemory> decode(Reader& in);
};

/// How well the best of the known jobs explains what was seen.
struct ShadowFit {
  const Persona* persona = nullptr;  // null: no job is known
  double posterior = 0;              // naive Bayes over tools and hosts, equal priors, the tenant's first 64 personas
  double outside = 0;                // e-value against "at most 2 % of its calls are outside this job"
  [[nodiscard]] bool fits() const { return persona != nullptr && posterior > .95 && outside < 100; }
};

/// Calls after which a fit is worth saying.
inline constexpr std::uint64_t kShadowCalls = 30;

/// Against the jobs that apply in the agent's tenant.
[[nodiscard]] ShadowFit fit_shadow(const ShadowProfile& profile, const PersonaSet& set, std::string_view tenant);
/// "41 calls: git/read (60 %), …; to git.corp.example; data internal; on behalf of desk-1; …": everything escaped.
[[nodiscard]] std::string job_in_words(const ShadowProfile& profile);
/// A persona file for exactly this agent that allows what it was seen to do: it loads, and its own history breaks nothing it declares.
/// Where a list overflowed the draft is as wide as it must be; what no list can say without saying more, or at all, stays undeclared; what
/// was only ever refused is an action of its own: comments tell of each. Of its calls at most half may be denied, whatever was seen. To be
/// narrowed and signed by an owner.
[[nodiscard]] std::string draft_persona(const ShadowProfile& profile, std::string_view tenant, std::string_view agent);

}  // namespace ringfence
