// SPDX-License-Identifier: Apache-2.0
#include "models/scope_spelling.h"

#include <gmock/gmock.h>

namespace ringfence {
namespace {

TEST(ScopeSpelling, ProhibitionOfAHostHoldsHoweverItIsWrittenAndForNoOther) {
  const GlobSet admin({"https://admin.corp.example/**"}), db({"db.corp.example/**"}), capitals({"HTTPS://Admin.Corp.example./**"});
  for (const char* same :
       {"https://admin.corp.example/u/1", "https://ADMIN.corp.example/u/1", "https://admin.corp.example:443/u/1",
        "https://admin.corp.example:8443/u/1", "HTTPS://admin.corp.example/u/1", "https://admin.corp.example./u/1",
        "https://x:y@admin.corp.example/u/1", "http://admin.corp.example/u/1", "https://admin%2Ecorp.example/u/1",
        "https://admin.corp.example", "https://admin.corp.example?u=1", "https://admin.corp.example/../u", "//admin.corp.example/u",
        "ADMIN.corp.example/u", "https:\\\\ADMIN.corp.example\\u", "https://evil.example\\@admin.corp.example/u"}) {
    EXPECT_TRUE(scope::touches(admin, same)) << same;
    EXPECT_TRUE(scope::touches(capitals, same)) << same;
  }
  for (const char* other :
       {"https://admin.corp.example.net/u", "https://admin.corp.example@evil.example/u", "https://corp.example/admin.corp.example/u",
        "ftp://admin.corp.example/u", "https://evil.example/?https://admin.corp.example/u", "admin/u", "https:///u", "https://"})
    EXPECT_FALSE(scope::touches(admin, other)) << other;
  for (const char* same : {"db.corp.example/t", "DB.corp.example/t", "db.corp.example:5432/t", "postgres://db.corp.example:5432/t",
                           "postgres://u:p@DB.corp.example/t", "db.corp.example./t"})
    EXPECT_TRUE(scope::touches(db, same)) << same;
}

TEST(ScopeSpelling, ProhibitionWithASchemeOrAPortHoldsForThatOne) {
  const GlobSet plain({"http://**"}), port({"https://a.example:443/**", "https://b.example:8443/**"}), mail({"mail://inbox/**"});
  EXPECT_TRUE(scope::touches(plain, "HTTP://a.example/x"));
  EXPECT_FALSE(scope::touches(plain, "https://a.example/x")) << "who forbids what is not encrypted permits what is";
  EXPECT_TRUE(scope::touches(port, "https://a.example/x")) << "the port its scheme stands for";
  EXPECT_TRUE(scope::touches(port, "https://A.example:443/x"));
  EXPECT_FALSE(scope::touches(port, "https://a.example:444/x"));
  EXPECT_TRUE(scope::touches(port, "https://B.example:8443/x"));
  EXPECT_FALSE(scope::touches(port, "https://b.example/x"));
  EXPECT_FALSE(scope::touches(mail, "archive://inbox/1"));
  EXPECT_FALSE(scope::touches(mail, "inbox/1"));
  EXPECT_TRUE(scope::touches(GlobSet({"https://a.example/x/**"}), "https://A.example/y/../x/"));
}

TEST(ScopeSpelling, PermissionHoldsWhereRelativeSegmentsLead) {
  const Glob handbook("wiki/handbook/**");
  for (const char* inside : {"wiki/handbook/one", "wiki/handbook/a/../one", "wiki/handbook/./one"})
    EXPECT_TRUE(scope::stays_inside(handbook, inside)) << inside;
  for (const char* outside :
       {"wiki/payroll/one", "wiki/handbook/../payroll/one", "wiki/handbook/%2e%2e/payroll/one", "wiki/handbook/..\\payroll"})
    EXPECT_FALSE(scope::stays_inside(handbook, outside)) << outside;
}

}  // namespace
}  // namespace ringfence
