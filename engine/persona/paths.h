// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ringfence {

/// What a file of a persona set is, by its path below the set's folder.
inline constexpr std::string_view kListsFolder = "lists";
inline constexpr std::string_view kEntitlementsFolder = "entitlements";
inline constexpr std::string_view kTestsFolder = "tests";
/// Under which what is wrong with the set as a whole is told.
inline constexpr std::string_view kWholeSet = ".";

[[nodiscard]] bool is_persona_path(std::string_view path);
[[nodiscard]] bool is_entitlements_path(std::string_view path);
/// An archive, which tests cannot name as their events.
[[nodiscard]] bool is_compressed_path(std::string_view path);
/// Name of the list in `lists/NAME.txt`, or nothing.
[[nodiscard]] std::optional<std::string> list_name(std::string_view path);

}  // namespace ringfence
