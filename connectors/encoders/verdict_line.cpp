// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/verdict_line.h"

#include <array>
#include <charconv>

#include "engine/event/decode.h"
#include "engine/event/escape.h"

namespace ringfence {

std::string encode_verdict(const Verdict& verdict) {
  std::array<char, 32> number{};
  const auto [end, fault] = std::to_chars(number.begin(), number.end(), verdict.score, std::chars_format::general, 6);
  std::string out = "{\"id\":" + json_quoted(verdict.event_id) + ",\"agent\":" + json_quoted(verdict.agent_id) + ",\"time\":\"" +
                    format_rfc3339(verdict.time) + "\",\"level\":\"";
  out += name_of(verdict.level);
  out += "\",\"applied\":\"";
  out += name_of(verdict.applied);
  out += "\",\"score\":";
  out.append(number.data(), fault == std::errc{} ? static_cast<std::size_t>(end - number.data()) : 0);
  out += ",\"threat\":";
  out += verdict.threat.empty() ? "null" : "\"" + std::string(verdict.threat) + "\"";
  out += ",\"analytics\":[";
  for (const Analytic analytic : verdict.raised) {
    if (out.back() != '[') out += ',';
    out += '"';
    out += uid_of(analytic);
    out += '"';
  }
  out += ']';
  if (verdict.tenant != "default") out += ",\"tenant\":" + json_quoted(verdict.tenant);
  if (verdict.surprise_bits) {
    const auto [last, error] =
        std::to_chars(number.begin(), number.end(), static_cast<double>(*verdict.surprise_bits), std::chars_format::fixed, 1);
    out += ",\"surprise_bits\":";
    out.append(number.data(), error == std::errc{} ? static_cast<std::size_t>(last - number.data()) : 0);
  }
  out += '}';
  return out;
}

}  // namespace ringfence
