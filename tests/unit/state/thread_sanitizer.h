// SPDX-License-Identifier: Apache-2.0
#pragma once

#if defined(__SANITIZE_THREAD__)
/// The distribution's RocksDB is built without ThreadSanitizer: its calls of memcmp or new are seen, the atomics that order them are not,
/// and so its own threads seem to race. Reports with a frame inside it or its compressor are left out; all others stand. To be included
/// once in a test binary that opens a database.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() { return "called_from_lib:librocksdb.so\nrace:librocksdb.so\nrace:liblz4.so\n"; }
#endif
