// SPDX-License-Identifier: Apache-2.0
#include "engine/event/decode_pointer.h"

#include <algorithm>

namespace ringfence::decoding::json_pointer {
namespace {

bool is_escaped(char c) { return c == '~' || c == '/'; }

}  // namespace

std::size_t escaped_size(std::string_view step) { return step.size() + static_cast<std::size_t>(std::ranges::count_if(step, is_escaped)); }

void put_escaped_step(char* out, std::string_view step) {
  *out++ = '/';
  for (const char c : step) {
    if (is_escaped(c)) *out++ = '~';
    *out++ = !is_escaped(c) ? c : c == '~' ? '0' : '1';
  }
}

}  // namespace ringfence::decoding::json_pointer
