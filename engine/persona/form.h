// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace ringfence {

/// The persona format as data: which keys there are, what each may hold, its default and meaning. The loader checks with it and the JSON
/// Schema is printed from it, so neither can know a key the other does not.
struct Form;

struct FormKey {
  std::string_view name;
  const Form* form = nullptr;
  std::string_view meaning;
  std::string_view preset{};  // default, as the contract writes it; empty: none
  bool required = false;
};

struct Form {
  enum class Kind : std::uint8_t {
    AnyText,   // any scalar but an empty one
    Quoted,    // a quoted scalar
    Id,        // [A-Za-z0-9][A-Za-z0-9._-]*, at most 128 characters
    Argument,  // a name or a JSON Pointer
    Glob,
    HostGlob,  // over bare hosts
    Word,      // one of `words`
    Flag,      // true or false
    FlagOrText,
    Integer,  // plain, between `least` and `most`
    Number,   // plain, between `least` and `most`
    Share,
    Size,
    Duration,
    Moment,
    Zone,    // IANA time zone
    Window,  // "Mon-Fri 07:00-19:00"
    Sha256,
    Shape,          // identifier shape
    FlowTarget,     // external, internal, bare host glob, account:glob
    Analytic,       // id of what the engine finds
    Scalar,         // anything written as one value
    Anything,       // an inline event
    ActionRef,      // id of an action of this persona
    ListRef,        // name of a list
    Object,         // `keys`
    List,           // of `element`
    Map,            // names in `names`, values `element`
    ByStyle,        // scalar, list or mapping, each with its own form; null: not allowed
    LadderOrKinds,  // `element` itself, or a mapping of kinds to it
  };
  Kind kind = Kind::AnyText;
  std::span<const std::string_view> words{};
  double least = 0, most = 0;  // both 0: no bound but least 0
  std::span<const FormKey> keys{};
  const Form* element = nullptr;
  const Form* names = nullptr;
  const Form* scalar = nullptr;
  const Form* sequence = nullptr;
  const Form* mapping = nullptr;
  bool filled = false;  // an empty list or mapping is an error
  bool rising = false;  // values in order of keys must not fall
};

/// A persona file, and an entitlements file.
[[nodiscard]] const Form& persona_form();
[[nodiscard]] const Form& entitlements_form();
/// The labels that an action may return.
[[nodiscard]] std::span<const std::string_view> returned_labels();

}  // namespace ringfence
