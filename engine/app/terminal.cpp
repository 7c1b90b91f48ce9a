// SPDX-License-Identifier: Apache-2.0
#include "engine/app/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>

#include "connectors/sources/descriptor.h"

namespace ringfence {
namespace {

// A page of its own, no cursor, long lines cut; and back.
constexpr std::string_view kBegin = "\x1b[?1049h\x1b[?25l\x1b[?7l";
constexpr std::string_view kEnd = "\x1b[?7h\x1b[?25h\x1b[?1049l";
constexpr std::string_view kHome = "\x1b[H", kRestOfLine = "\x1b[K", kRestOfPage = "\x1b[J";
constexpr char kInterrupt = '\x03', kEndOfInput = '\x04';

sigset_t heard_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGWINCH}) ::sigaddset(&set, signal);
  return set;
}

void put(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) return;  // the terminal is gone: the next wait says so
    bytes.remove_prefix(static_cast<std::size_t>(written < 0 ? 0 : written));
  }
}

}  // namespace

struct Terminal::Held {
  sigset_t mask{};
  termios keys{};
  bool has_keys = false;
  Descriptor signals;
};

bool Terminal::is_one() { return ::isatty(STDOUT_FILENO) == 1; }

Terminal::Terminal() : held_(std::make_unique<Held>()) {
  const sigset_t heard = heard_signals();
  ::pthread_sigmask(SIG_BLOCK, &heard, &held_->mask);
  held_->signals = Descriptor(::signalfd(-1, &heard, SFD_NONBLOCK | SFD_CLOEXEC));
  held_->has_keys = ::isatty(STDIN_FILENO) == 1 && ::tcgetattr(STDIN_FILENO, &held_->keys) == 0;
  if (held_->has_keys) {
    termios raw = held_->keys;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  }
  put(kBegin);
}

Terminal::~Terminal() {
  put(kEnd);
  if (held_->has_keys) ::tcsetattr(STDIN_FILENO, TCSANOW, &held_->keys);
  ::pthread_sigmask(SIG_SETMASK, &held_->mask, nullptr);
}

PageSize Terminal::size() const {
  winsize room{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &room) != 0 || room.ws_col == 0 || room.ws_row == 0) return {};
  return {room.ws_col, room.ws_row};
}

void Terminal::show(std::string_view page) {
  std::string out(kHome);
  while (!page.empty()) {
    const auto end = page.find('\n');
    out.append(page.substr(0, end)).append(kRestOfLine);
    page.remove_prefix(end == std::string_view::npos ? page.size() : end + 1);
    if (!page.empty()) out += "\r\n";
  }
  put(out.append(kRestOfPage));
}

Terminal::Wake Terminal::wait(std::chrono::milliseconds most) {
  std::array<pollfd, 2> watched{{{held_->signals.number(), POLLIN, 0}, {held_->has_keys ? STDIN_FILENO : -1, POLLIN, 0}}};
  const int found = ::poll(watched.data(), watched.size(), static_cast<int>(most.count()));
  if (found == 0) return Wake::Due;
  if (found < 0) return errno == EINTR ? Wake::Resized : Wake::End;
  if (watched[0].revents != 0) {
    signalfd_siginfo came{};
    if (::read(held_->signals.number(), &came, sizeof came) == static_cast<ssize_t>(sizeof came) && came.ssi_signo != SIGWINCH)
      return Wake::End;
  }
  if (watched[1].revents != 0) {
    char key = 0;
    if (::read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q' || key == kInterrupt || key == kEndOfInput) return Wake::End;
  }
  return Wake::Resized;
}

}  // namespace ringfence
