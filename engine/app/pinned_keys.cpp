// SPDX-License-Identifier: Apache-2.0
#include "engine/app/pinned_keys.h"

#include <optional>
#include <utility>

namespace ringfence {

namespace {

/// Nothing where there is no such file: one that holds no key pins to none.
std::expected<std::optional<TrustedKeys>, RunError> keys_of_file(const Settings& settings) {
  auto keys = TrustedKeys::load(settings.gate.keys_file);
  if (keys) return std::move(*keys);
  if (keys.error().kind == KeyError::Kind::NotFound) return std::nullopt;
  return std::unexpected(RunError{ExitCode::Unusable, "gate.keys_file: " + keys.error().message});
}

}  // namespace

std::expected<TrustedKeys, RunError> pinned_keys(const Settings& settings) {
  auto keys = keys_of_file(settings);
  if (!keys) return std::unexpected(std::move(keys.error()));
  return std::move(*keys).value_or(TrustedKeys());
}

std::expected<TrustedKeys, RunError> operators_keys(const Settings& settings) {
  auto pinned = keys_of_file(settings);
  if (!pinned) return std::unexpected(std::move(pinned.error()));
  if (*pinned) return std::move(**pinned);
  TrustedKeys keys;
  if (const auto key = SigningKey::load(settings.control.key_file)) keys.add(*key, {"operator"});
  return keys;
}

std::expected<TrustedKeys, RunError> board_keys(const Settings& settings) {
  auto keys = pinned_keys(settings);
  if (!keys) return keys;
  if (const auto key = SigningKey::load(settings.control.key_file); key && keys->find(key->kid()) == nullptr)
    keys->add(*key, {"engine-*", "operator"});
  return keys;
}

}  // namespace ringfence
