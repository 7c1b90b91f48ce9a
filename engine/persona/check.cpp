// SPDX-License-Identifier: Apache-2.0
#include "engine/persona/check.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/event/analytic.h"
#include "engine/event/declared_host.h"
#include "engine/persona/calendar.h"
#include "engine/persona/shape.h"
#include "engine/persona/values.h"

namespace ringfence {
namespace {

constexpr std::size_t kIdChars = 128;

bool is_id(std::string_view text) {
  const auto alnum = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return !text.empty() && text.size() <= kIdChars && alnum(text.front()) &&
         std::ranges::all_of(text, [&](char c) { return alnum(c) || c == '.' || c == '_' || c == '-'; });
}

/// A top-level name, or an RFC 6901 pointer whose `~` are escapes.
bool is_argument(std::string_view text) {
  if (text.empty() || text == "/") return false;
  if (!text.starts_with('/')) return true;
  for (auto at = text.find('~'); at != std::string_view::npos; at = text.find('~', at + 1))
    if (at + 1 == text.size() || (text[at + 1] != '0' && text[at + 1] != '1')) return false;
  return true;
}

bool is_sha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

std::string joined(const auto& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : ", ") + std::string(word);
  return out;
}

std::string number_text(double value) {
  if (value == static_cast<double>(static_cast<std::int64_t>(value))) return std::to_string(static_cast<std::int64_t>(value));
  return std::to_string(value);
}

class Checker {
 public:
  Checker(const std::string& file, const References& references, std::vector<Diagnostic>& out)
      : file_(file), references_(references), out_(out) {
    for (std::size_t i = 0; i < kAnalytics; ++i) analytics_.emplace_back(uid_of(static_cast<Analytic>(i)));
  }

  void check(const YamlNode& node, const Form& form, const std::string& path) {
    using K = Form::Kind;
    if (node.kind == YamlNode::Kind::Refused || form.kind == K::Anything) return;
    switch (form.kind) {
      case K::Object:
        return object(node, form, path);
      case K::List:
        return list(node, form, path);
      case K::Map:
        return map(node, form, path);
      case K::LadderOrKinds: {
        const bool kinds = std::ranges::any_of(node.items, [](const YamlNode& item) { return item.is_mapping(); });
        if (node.is_mapping() && kinds) return map(node, form, path);
        return check(node, *form.element, path);
      }
      case K::ByStyle: {
        const Form* own = node.is_scalar() ? form.scalar : node.is_sequence() ? form.sequence : node.is_mapping() ? form.mapping : nullptr;
        if (own != nullptr) return check(node, *own, path);
        const auto* sample = form.sequence != nullptr ? form.sequence : form.mapping;
        return expected(node, path,
                        "a list" + std::string(form.scalar != nullptr                              ? " or a text"
                                               : form.mapping != nullptr && sample != form.mapping ? " or {list: NAME}"
                                                                                                   : ""));
      }
      default:
        return scalar(node, form, path);
    }
  }

 private:
  void error(const YamlNode& at, std::string message) {
    out_.push_back({Diagnostic::Kind::Error, file_, at.line, at.column, std::move(message)});
  }

  void expected(const YamlNode& node, const std::string& path, const std::string& what) {
    std::string found = "nothing";
    if (node.is_scalar()) found = (node.plain ? "'" : "the text '") + node.text + "'";
    if (node.is_sequence()) found = "a list";
    if (node.is_mapping()) found = "a mapping";
    error(node, (path.empty() ? "" : path + ": ") + "expected " + what + ", found " + found);
  }

  void unknown(const YamlNode& at, const std::string& label, const std::string& where, std::span<const std::string> known) {
    error(at, unknown_name(label, at.text, where, known));
  }

  static std::string below(const std::string& path, std::string_view key) {
    return path.empty() ? std::string(key) : path + "." + std::string(key);
  }

  void object(const YamlNode& node, const Form& form, const std::string& path) {
    if (!node.is_mapping()) return expected(node, path, "a mapping");
    std::vector<std::string> known;
    for (const FormKey& key : form.keys) known.emplace_back(key.name);
    if (node.keys.empty() && form.filled) error(node, path + ": empty; expected at least one of " + joined(known));
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
      const YamlNode& key = node.keys[i];
      if (!key.is_scalar()) continue;
      const auto found = std::ranges::find(form.keys, std::string_view(key.text), &FormKey::name);
      if (found == form.keys.end()) {
        unknown(key, "key", path.empty() ? "" : " in " + path, known);
      } else {
        check(node.items[i], *found->form, below(path, key.text));
      }
    }
    for (const FormKey& key : form.keys)
      if (key.required && node.find(key.name) == nullptr)
        error(node, (path.empty() ? "" : path + ": ") + "missing key '" + std::string(key.name) + "'");
    if (form.rising) rising(node, form, path);
  }

  void rising(const YamlNode& node, const Form& form, const std::string& path) {
    std::optional<std::pair<std::string_view, double>> last;
    for (const FormKey& key : form.keys) {
      const YamlNode* item = node.find(key.name);
      if (item == nullptr || !item->is_scalar()) continue;
      const auto value = key.form->kind == Form::Kind::Size    ? parse_size(item->text)
                         : key.form->kind == Form::Kind::Share ? parse_share(item->text)
                                                               : parse_number(item->text);
      if (!value) continue;
      if (last && *value < last->second) error(*item, below(path, key.name) + ": less than " + std::string(last->first));
      last = {key.name, *value};
    }
  }

  void list(const YamlNode& node, const Form& form, const std::string& path) {
    if (!node.is_sequence()) return expected(node, path, "a list");
    if (node.items.empty() && form.filled) error(node, path + ": empty list");
    for (std::size_t i = 0; i < node.items.size(); ++i) check(node.items[i], *form.element, path + "[" + std::to_string(i) + "]");
  }

  void map(const YamlNode& node, const Form& form, const std::string& path) {
    if (!node.is_mapping()) return expected(node, path, "a mapping");
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
      if (!node.keys[i].is_scalar()) continue;
      scalar(node.keys[i], *form.names, path);
      check(node.items[i], *form.element, below(path, node.keys[i].text));
    }
  }

  void bounded(const YamlNode& node, const Form& form, const std::string& path) {
    const bool whole = form.kind == Form::Kind::Integer;
    const auto value = parse_number(node.text);
    if (!node.plain || !value || (whole && !parse_integer(node.text))) return expected(node, path, whole ? "a whole number" : "a number");
    if (*value < form.least) return error(node, path + ": less than " + number_text(form.least));
    if (*value > form.most) error(node, path + ": greater than " + number_text(form.most));
  }

  void scalar(const YamlNode& node, const Form& form, const std::string& path) {
    using K = Form::Kind;
    if (!node.is_scalar()) return expected(node, path, "a single value");
    const std::string& text = node.text;
    const auto require = [&](bool good, const char* what) {
      if (!good) expected(node, path, what);
    };
    switch (form.kind) {
      case K::Integer:
      case K::Number:
        return bounded(node, form, path);
      case K::Quoted:
        return require(!node.plain && !text.empty(), "a quoted text");
      case K::Id:
        return require(is_id(text), "an id of letters, digits, '.', '_' and '-'");
      case K::Argument:
        return require(is_argument(text), "an argument's name or a JSON Pointer");
      case K::Flag:
        return require(node.plain && (text == "true" || text == "false"), "true or false");
      case K::Share:
        return require(parse_share(text).has_value(), "a number from 0 to 1, or always, often, sometimes, rarely, never");
      case K::Size:
        return require(parse_size(text).has_value(), "a size in B, KiB, MiB or GiB");
      case K::Duration:
        return require(parse_duration(text).has_value(), "a duration in ms, s, m, h or d");
      case K::Moment:
        return require(parse_moment(text).has_value(), "a date such as 2026-11-30 or a time with offset");
      case K::Zone:
        return require(is_time_zone(text), "an IANA time zone such as Europe/London");
      case K::Sha256:
        return require(is_sha256(text), "64 hex digits");
      case K::Shape:
        return require(is_shape(text), "a shape such as hex-40, dec-6, uuid or word.dec-5");
      case K::Window: {
        std::vector<bool> minutes;
        return require(add_window(text, minutes), "a window such as \"Mon-Fri 07:00-19:00\"");
      }
      case K::HostGlob:
        return host(node, path);
      case K::FlowTarget:
        if (text.empty() || text == "account:") return expected(node, path, "external, internal, a host glob or account:GLOB");
        if (!text.starts_with("account:")) host(node, path);
        return;
      case K::Word: {
        if (std::ranges::find(form.words, std::string_view(text)) != form.words.end()) return;
        const std::vector<std::string> known(form.words.begin(), form.words.end());
        return unknown(node, "value", " for " + path, known);
      }
      case K::Analytic:
        if (!analytic_named(text)) unknown(node, "analytic", " in " + path, analytics_);
        return;
      case K::ActionRef:
        if (std::ranges::find(references_.actions, text) == references_.actions.end())
          unknown(node, "action", " in " + path, references_.actions);
        return;
      case K::ListRef:
        if (std::ranges::find(references_.lists, text) == references_.lists.end()) unknown(node, "list", " in " + path, references_.lists);
        return;
      default:
        return require(!text.empty(), "a text");
    }
  }

  void host(const YamlNode& node, const std::string& path) {
    if (auto fault = host_fault(node.text)) error(node, path + ": " + *fault);
  }

  const std::string& file_;
  const References& references_;
  std::vector<Diagnostic>& out_;
  std::vector<std::string> analytics_;
};

}  // namespace

std::string unknown_name(const std::string& label, const std::string& name, const std::string& where, std::span<const std::string> known) {
  constexpr std::size_t kFew = 12;
  std::string message = "unknown " + label + " '" + name + "'" + where;
  if (const auto near = nearest(name, known)) {
    message += "; did you mean '" + *near + "'?";
  } else if (!known.empty() && known.size() <= kFew) {
    message += "; known: " + joined(known);
  }
  return message;
}

void check_form(const std::string& file, const YamlNode& root, const Form& form, const References& references,
                std::vector<Diagnostic>& diagnostics) {
  Checker(file, references, diagnostics).check(root, form, "");
}

}  // namespace ringfence
