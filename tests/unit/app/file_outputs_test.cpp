// SPDX-License-Identifier: Apache-2.0
#include "engine/app/file_outputs.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "engine/state/codec.h"

namespace ringfence {
namespace {

namespace fs = std::filesystem;

/// A file of findings, and what a checkpoint said of it.
class OutputFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(root_);
    write("{\"n\":1}\n{\"n\":2}\n");
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const std::string& text) const { std::ofstream(file()) << text; }
  [[nodiscard]] std::string file() const { return (root_ / "findings").string(); }
  [[nodiscard]] std::string text() const {
    std::ifstream in(file());
    return {std::istreambuf_iterator<char>(in), {}};
  }
  [[nodiscard]] std::unique_ptr<FileOutputs> open() const { return *FileOutputs::open({.findings = file()}, Level::Observe, "in"); }
  /// As releases wrote it that did not tell one file from another.
  [[nodiscard]] std::string without_identities(std::uint64_t size) const {
    Writer out;
    out.text(file());
    out.varint(size);
    for (int other = 0; other < 3; ++other) {
      out.text("");
      out.varint(0);
    }
    return out.take();
  }

  fs::path root_ = fs::temp_directory_path() / ("ringfence-outputs-" + std::to_string(getpid()));
};

TEST_F(OutputFiles, GoOnWhereACheckpointOfAnEarlierReleaseLeftThem) {
  ASSERT_TRUE(open()->resume(without_identities(8), {.append = true}));
  EXPECT_EQ(text(), "{\"n\":1}\n");
  write("");
  EXPECT_FALSE(open()->resume(without_identities(8), {.append = true}))
      << "who wrote that cannot tell a rotated file from one that lost records";
}

TEST_F(OutputFiles, AreCutToTheLengthOfTheirOwnCheckpointAlone) {
  const std::string known = open()->lengths();
  write("{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n");
  ASSERT_TRUE(open()->resume(known, {.append = true}));
  EXPECT_EQ(text(), "{\"n\":1}\n{\"n\":2}\n");
  write("{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n");
  ASSERT_TRUE(open()->resume(known, {.keep_more = true}));
  EXPECT_EQ(text(), "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n") << "nobody would say the last one again";
}

TEST_F(OutputFiles, OfAnotherNameThatLinksToTheSameFileAreKnown) {
  const std::string known = open()->lengths();
  fs::rename(file(), root_ / "renamed");
  auto renamed = *FileOutputs::open({.findings = (root_ / "renamed").string()}, Level::Observe, "in");
  ASSERT_TRUE(renamed->resume(known, {}));
  EXPECT_EQ(fs::file_size(root_ / "renamed"), 16U);
}

TEST_F(OutputFiles, BeginAnewWithTheirRunWhereNothingIsKnown) {
  ASSERT_TRUE(open()->resume(std::nullopt, {.append = true}));
  EXPECT_EQ(text(), "{\"n\":1}\n{\"n\":2}\n");
  ASSERT_TRUE(open()->resume(std::nullopt, {}));
  EXPECT_EQ(text(), "");
}

}  // namespace
}  // namespace ringfence
