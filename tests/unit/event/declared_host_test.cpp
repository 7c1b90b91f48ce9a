// SPDX-License-Identifier: Apache-2.0
#include "engine/event/declared_host.h"

#include <gmock/gmock.h>

#include <string>
#include <utility>
#include <vector>

namespace ringfence {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(DeclaredHost, IsBareAndMayBeAGlob) {
  for (const char* host : {"x.example",
                           "X.Example",
                           "erp",
                           "localhost",
                           "10.0.0.5",
                           "10.0.*.*",
                           "*",
                           "**",
                           "*.x.example",
                           "**.x.example",
                           "x_y.example",
                           "::1",
                           "fe80::1",
                           "fe80:**",
                           "**:443",
                           "::ffff:10.0.0.5",
                           "2001:db8::**",
                           "arn:aws:s3:::bucket",
                           "arn:**",
                           "m\xC3\xBCnchen.example"})
    EXPECT_EQ(host_fault(host), std::nullopt) << host;
}

TEST(DeclaredHost, SaysWhatToWriteInPlaceOfMore) {
  const std::vector<std::pair<std::string, std::string>> cases{{"x.example:443", "x.example"},
                                                               {"localhost:443", "localhost"},
                                                               {"*.x.example:443", "*.x.example"},
                                                               {"**.x.example:443", "**.x.example"},
                                                               {"x.example:*", "x.example"},
                                                               {"10.0.0.5:8443", "10.0.0.5"},
                                                               {"https://x.example", "x.example"},
                                                               {"https://u:p@X.example:8443/y?z#w", "X.example"},
                                                               {"https://*.x.example/**", "*.x.example"},
                                                               {"s3://bucket/key", "bucket"},
                                                               {"x.example/y", "x.example"},
                                                               {"x.example\\y", "x.example"},
                                                               {"bob@x.example", "x.example"},
                                                               {"mailto:bob@x.example", "x.example"},
                                                               {"bob@x.example:22", "x.example"},
                                                               {"x.example.", "x.example"},
                                                               {"**.x.example..", "**.x.example"},
                                                               {"[::1]", "::1"},
                                                               {"[::1]:80", "::1"},
                                                               {"http://[fe80::1]:80/", "fe80::1"}};
  for (const auto& [declared, bare] : cases) {
    const auto fault = host_fault(declared);
    ASSERT_TRUE(fault) << declared;
    EXPECT_THAT(*fault, StartsWith("expected a bare host, "));
    EXPECT_THAT(*fault, HasSubstr("found '" + declared + "'"));
    EXPECT_THAT(*fault, EndsWith("; write '" + bare + "'"));
  }
}

TEST(DeclaredHost, OfWhichNothingIsLeftIsNamedAlone) {
  for (const char* none : {"", ".", "https://", "file:///etc/passwd", "a b", "x.example, y.example", "bob@", "[]:80", "/**"}) {
    const auto fault = host_fault(none);
    ASSERT_TRUE(fault) << none;
    EXPECT_THAT(*fault, Not(HasSubstr("write"))) << none;
  }
}

}  // namespace
}  // namespace ringfence
