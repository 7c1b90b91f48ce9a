// SPDX-License-Identifier: Apache-2.0
// The only file of the persona loader that includes yaml-cpp: its events are taken before it resolves aliases or loses duplicate keys.
#include "engine/persona/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "engine/event/escape.h"

namespace ringfence {
namespace {

constexpr std::size_t kDepth = 24;
constexpr std::size_t kNodes = 262144;
constexpr std::size_t kBracketsAtOnce = 64;

/// Stops yaml-cpp from inside a callback; the diagnostic is already written.
struct Stop {};

class Builder final : public YAML::EventHandler {
 public:
  Builder(const std::string& file, std::string_view text, std::vector<Diagnostic>& out) : file_(file), text_(text), out_(out) {
    lines_.push_back(0);
    for (std::size_t i = 0; i < text.size(); ++i)
      if (text[i] == '\n') lines_.push_back(i + 1);
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) {
      error(mark, "a second document; a file holds one");
      throw Stop{};
    }
  }
  void OnDocumentEnd() override {}
  void OnAnchor(const YAML::Mark& mark, const std::string& name) override {
    error(mark, "anchor '&" + name + "' is not allowed; write the value out");
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    error(mark, "aliases are not allowed; write the value out");
    add(mark, YamlNode::Kind::Refused);
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { add(mark, YamlNode::Kind::Null); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, const std::string& value) override {
    check_tag(mark, tag);
    check_quote(mark, tag);
    YamlNode& node = add(mark, YamlNode::Kind::Scalar);
    node.text = value;
    node.plain = tag == "?";
    if (const auto at = value.find('\0'); at != std::string::npos) error(mark, "a NUL character");
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, YAML::EmitterStyle::value) override {
    check_tag(mark, tag);
    open(mark, YamlNode::Kind::Sequence);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, YAML::EmitterStyle::value) override {
    check_tag(mark, tag);
    open(mark, YamlNode::Kind::Mapping);
  }
  void OnMapEnd() override { close(); }

  void error(const YAML::Mark& mark, std::string message) {
    const auto [line, column] = position(mark);
    out_.push_back({Diagnostic::Kind::Error, file_, line, column, std::move(message)});
  }
  [[nodiscard]] std::optional<YamlNode> take() { return std::exchange(root_, std::nullopt); }

 private:
  struct Open {
    YamlNode node;
    std::optional<YamlNode> key;                 // of a mapping, waiting for its value
    std::unordered_map<std::string, int> lines;  // of the keys so far
  };

  /// yaml-cpp counts bytes from 0; an editor counts characters from 1. Goes on from the last place, so one long line is counted once.
  [[nodiscard]] std::pair<int, int> position(const YAML::Mark& mark) {
    if (mark.is_null()) return {0, 0};
    const auto line = static_cast<std::size_t>(std::max(mark.line, 0));
    const std::size_t begin = line < lines_.size() ? lines_[line] : text_.size();
    const std::size_t at = std::min(begin + static_cast<std::size_t>(std::max(mark.column, 0)), text_.size());
    if (counted_begin_ != begin || counted_to_ > at) counted_begin_ = counted_to_ = begin, characters_ = 0;
    const std::string_view fresh = text_.substr(counted_to_, at - counted_to_);
    characters_ += std::ranges::count_if(fresh, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; });
    counted_to_ = at;
    return {static_cast<int>(line) + 1, static_cast<int>(characters_) + 1};
  }

  /// "?" is a plain node, "!" a quoted one, unless a lone `!` was written; the mark of a node with a tag is the tag's.
  void check_tag(const YAML::Mark& mark, const std::string& tag) {
    const auto at = static_cast<std::size_t>(std::max(mark.pos, 0));
    if ((tag == "?" || tag == "!" || tag.empty()) && (at >= text_.size() || text_[at] != '!')) return;
    error(mark, "tags are not allowed");
  }

  /// yaml-cpp ends a quoted text with the file where its last byte is a line feed, and says nothing of it.
  void check_quote(const YAML::Mark& mark, const std::string& tag) {
    const auto begin = static_cast<std::size_t>(std::max(mark.pos, 0));
    if (tag == "?" || begin >= text_.size() || (text_[begin] != '"' && text_[begin] != '\'')) return;
    const char quote = text_[begin];
    for (std::size_t at = begin + 1; at < text_.size(); ++at) {
      const bool escapes = quote == '"' ? text_[at] == '\\' : text_.substr(at, 2) == "''";
      if (escapes) {
        ++at;
      } else if (text_[at] == quote) {
        return;
      }
    }
    error(mark, "unterminated quoted text");
  }

  YamlNode make(const YAML::Mark& mark, YamlNode::Kind kind) {
    if (++nodes_ > kNodes) {
      error(mark, "more than " + std::to_string(kNodes) + " values in one file");
      throw Stop{};
    }
    YamlNode node;
    node.kind = kind;
    std::tie(node.line, node.column) = position(mark);
    return node;
  }

  YamlNode& add(const YAML::Mark& mark, YamlNode::Kind kind) { return place(make(mark, kind)); }

  YamlNode& place(YamlNode node) {
    if (open_.empty()) return root_.emplace(std::move(node));
    Open& parent = open_.back();
    if (parent.node.is_sequence()) return parent.node.items.emplace_back(std::move(node));
    if (!parent.key) {
      if (!node.is_scalar() && node.kind != YamlNode::Kind::Refused)
        out_.push_back({Diagnostic::Kind::Error, file_, node.line, node.column, "a key must be a word or a quoted string"});
      return parent.key.emplace(std::move(node));
    }
    // yaml-cpp would keep both of two equal keys and answer with the first.
    const YamlNode& key = *parent.key;
    if (node.kind == YamlNode::Kind::Null) node.line = key.line, node.column = key.column;  // what is absent stands nowhere of its own
    if (key.is_scalar()) {
      const auto [first, fresh] = parent.lines.try_emplace(key.text, key.line);
      if (!fresh)
        out_.push_back({Diagnostic::Kind::Error, file_, key.line, key.column,
                        "duplicate key '" + key.text + "', first on line " + std::to_string(first->second)});
    }
    parent.node.keys.push_back(std::move(*parent.key));
    parent.key.reset();
    return parent.node.items.emplace_back(std::move(node));
  }

  void open(const YAML::Mark& mark, YamlNode::Kind kind) {
    if (open_.size() >= kDepth) {
      error(mark, "nested deeper than " + std::to_string(kDepth));
      throw Stop{};
    }
    open_.push_back({make(mark, kind), std::nullopt, {}});
  }

  void close() {
    YamlNode node = std::move(open_.back().node);
    open_.pop_back();
    place(std::move(node));
  }

  const std::string& file_;
  std::string_view text_;
  std::vector<Diagnostic>& out_;
  std::vector<std::size_t> lines_;
  std::vector<Open> open_;
  std::optional<YamlNode> root_;
  std::size_t nodes_ = 0;
  int documents_ = 0;
  std::size_t counted_begin_ = 0, counted_to_ = 0;
  std::ptrdiff_t characters_ = 0;
};

/// yaml-cpp recurses per bracket before it tells the handler, so runs of them are cut off first.
std::optional<std::size_t> bracket_run(std::string_view text) {
  std::size_t run = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '[' || text[i] == '{') {
      if (++run > kBracketsAtOnce) return i;
    } else if (text[i] != ' ' && text[i] != '\t' && text[i] != '\n' && text[i] != '\r') {
      run = 0;
    }
  }
  return std::nullopt;
}

std::pair<int, int> position_of(std::string_view text, std::size_t at) {
  const std::string_view before = text.substr(0, at);
  const auto line = std::ranges::count(before, '\n');
  const auto begin = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  return {static_cast<int>(line) + 1, static_cast<int>(at - begin) + 1};
}

bool is_json_number(std::string_view text) {
  std::size_t i = text.starts_with('-') ? 1 : 0;
  const auto digits = [&] {
    const std::size_t begin = i;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
    return i - begin;
  };
  const std::size_t whole = digits();
  if (whole == 0 || (whole > 1 && text[i - whole] == '0')) return false;
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (digits() == 0) return false;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (digits() == 0) return false;
  }
  return i == text.size();
}

template <class Scalar>
std::string json(const YamlNode& node, bool sorted, const Scalar& scalar) {
  std::string out;
  if (node.is_sequence()) {
    for (const YamlNode& item : node.items) out += (out.empty() ? "" : ",") + json(item, sorted, scalar);
    return "[" + out + "]";
  }
  if (node.is_mapping()) {
    std::vector<std::size_t> order(node.keys.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    if (sorted) std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair<std::string_view, std::size_t>(node.keys[i].text, i); });
    for (const std::size_t i : order)
      out += (out.empty() ? "" : ",") + json_quoted(node.keys[i].text) + ":" + json(node.items[i], sorted, scalar);
    return "{" + out + "}";
  }
  return node.is_scalar() ? scalar(node) : "null";
}

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  if (!is_mapping()) return nullptr;
  for (std::size_t i = 0; i < keys.size(); ++i)
    if (keys[i].is_scalar() && keys[i].text == key) return &items[i];
  return nullptr;
}

std::optional<YamlNode> parse_yaml(const std::string& file, std::string_view text, std::vector<Diagnostic>& diagnostics) {
  const auto refuse = [&](std::size_t at, std::string message) {
    const auto [line, column] = position_of(text, at);
    diagnostics.push_back({Diagnostic::Kind::Error, file, line, column, std::move(message)});
    return std::nullopt;
  };
  if (text.starts_with("\xEF\xBB\xBF")) return refuse(0, "a byte order mark; write plain UTF-8");
  if (const auto at = invalid_utf8_at(text)) return refuse(*at, "not valid UTF-8");
  if (const auto at = text.find('\0'); at != std::string_view::npos) return refuse(at, "a NUL character");
  if (const auto at = bracket_run(text)) return refuse(*at, "nested deeper than " + std::to_string(kDepth));
  Builder builder(file, text, diagnostics);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) return refuse(0, "the file is empty");
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Stop&) {
    return std::nullopt;
  } catch (const YAML::Exception& fault) {
    builder.error(fault.mark, "not YAML: " + fault.msg);
    return std::nullopt;
  }
  return builder.take();
}

std::string canonical_json(const YamlNode& node) {
  return json(node, true, [](const YamlNode& scalar) { return json_quoted(scalar.text); });
}

std::string plain_json(const YamlNode& node) {
  return json(node, false, [](const YamlNode& scalar) {
    const bool literal = scalar.plain && (scalar.text == "true" || scalar.text == "false" || is_json_number(scalar.text));
    return literal ? scalar.text : json_quoted(scalar.text);
  });
}

std::optional<std::size_t> invalid_utf8_at(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  for (std::size_t i = 0; i < text.size();) {
    const unsigned char lead = byte(i);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const std::size_t more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    if (lead < 0xC2 || lead > 0xF4 || i + more >= text.size()) return i;
    for (std::size_t k = 1; k <= more; ++k)
      if ((byte(i + k) & 0xC0U) != 0x80U) return i;
    const unsigned char second = byte(i + 1);
    const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
    const bool outside = (lead == 0xED && second > 0x9F) || (lead == 0xF4 && second > 0x8F);
    if (overlong || outside) return i;
    i += more + 1;
  }
  return std::nullopt;
}

}  // namespace ringfence
