// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/numbers.h"

#include <array>
#include <charconv>
#include <cmath>
#include <numeric>
#include <utility>

namespace ringfence {
namespace {

std::int64_t to_hundredths(double nats) { return std::isfinite(nats) ? std::llround(nats * 100) : 0; }

/// Decimal digits and exponent of a positive number: 7.87e10 is {"787", 10}.
struct Decimal {
  std::string digits;
  int exponent = 0;
};

Decimal parse_scientific(const char* begin, const char* end) {
  Decimal out;
  const char* c = begin;
  for (; c != end && *c != 'e'; ++c)
    if (*c != '.') out.digits += *c;
  if (c != end) ++c;
  if (c != end && *c == '+') ++c;
  std::from_chars(c, end, out.exponent);
  return out;
}

Decimal decimal_nearest(double value, int digits) {
  std::array<char, 64> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific, digits - 1);
  return parse_scientific(text.data(), end);
}

/// 17 digits are exact enough to cut: a double that reads 7.8e10 has no digits below that say otherwise.
Decimal decimal_down(double value, int digits) {
  std::array<char, 64> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific);
  Decimal shortest = parse_scientific(text.data(), end);
  shortest.digits.resize(static_cast<std::size_t>(digits), '0');
  return shortest;
}

std::string spelled(Decimal number) {
  while (number.digits.size() > 1 && number.digits.back() == '0') number.digits.pop_back();
  const int size = static_cast<int>(number.digits.size());
  if (number.exponent >= 4 || number.exponent < -4) {
    std::string out(1, number.digits[0]);
    if (size > 1) out += "." + number.digits.substr(1);
    return out + "e" + std::to_string(number.exponent);
  }
  const int whole = number.exponent + 1;  // digits before the point
  if (whole <= 0) return "0." + std::string(static_cast<std::size_t>(-whole), '0') + number.digits;
  if (size <= whole) return number.digits + std::string(static_cast<std::size_t>(whole - size), '0');
  const auto point = static_cast<std::size_t>(whole);
  return number.digits.substr(0, point) + "." + number.digits.substr(point);
}

Decimal decimal_up(double value, int digits) {
  Decimal down = decimal_down(value, digits);
  const std::string text = spelled(down);
  double low = 0;
  std::from_chars(text.data(), text.data() + text.size(), low);
  return low >= value ? down : decimal_nearest(low + std::pow(10, down.exponent - digits + 1), digits);
}

std::string score_spelled(double score, Decimal (*round)(double, int), int digits) {
  if (!std::isfinite(score) || score <= 0) return "0";
  return spelled(round(score, digits));
}

}  // namespace

PrintedTerms printed_terms(const Explanation& explanation) {
  PrintedTerms out;
  out.ln_score = to_hundredths(explanation.ln_score);
  out.prior = to_hundredths(explanation.prior);
  out.start = to_hundredths(explanation.start);
  out.late_starts = to_hundredths(explanation.late_starts);
  for (const EvidenceRow& row : explanation.rows) out.rows.push_back(to_hundredths(row.nats));
  out.others = out.ln_score - std::accumulate(out.rows.begin(), out.rows.end(), out.prior + out.start + out.late_starts);
  if (out.others < 0) {
    out.late_starts += std::exchange(out.others, 0);
    if (out.late_starts < 0 && !out.rows.empty()) out.rows.front() += std::exchange(out.late_starts, 0);
  }
  return out;
}

double significant(double value, int digits) {
  if (!std::isfinite(value) || value == 0) return value;
  std::array<char, 64> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific, digits - 1);
  double out = value;
  std::from_chars(text.data(), end, out);
  return out;
}

std::string hundredths(std::int64_t value) {
  const std::uint64_t size = value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  const std::string cents = std::to_string(size % 100);
  return (value < 0 ? "-" : "") + std::to_string(size / 100) + "." + (cents.size() < 2 ? "0" : "") + cents;
}

std::string score_text(double score, int digits) { return score_spelled(score, decimal_nearest, digits); }
std::string score_text_down(double score, int digits) { return score_spelled(score, decimal_down, digits); }
std::string score_text_up(double score, int digits) { return score_spelled(score, decimal_up, digits); }

std::string percent_text(double share, int digits) {
  const double percent = significant(share * 100, digits);
  if (!std::isfinite(percent) || percent <= 0) return "0 %";
  return plain_text(percent) + " %";
}

std::string seen_text(const EvidenceRow& row) { return row.seen ? percent_text(*row.seen, 2) : std::string(); }

std::string plain_text(double value) {
  std::array<char, 64> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), end};
}

}  // namespace ringfence
