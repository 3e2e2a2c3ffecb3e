"""The C++ rules, which Bazel 4 has built in, under the names of rules_cc.

Ours are the first three; Bazel's own tools load the others. (Debian's bazel-rules-cc is made for
a later Bazel than Debian's.)
"""

cc_binary = native.cc_binary
cc_library = native.cc_library
cc_test = native.cc_test

cc_import = native.cc_import
cc_proto_library = native.cc_proto_library
cc_toolchain = native.cc_toolchain
cc_toolchain_suite = native.cc_toolchain_suite
fdo_prefetch_hints = native.fdo_prefetch_hints
fdo_profile = native.fdo_profile
objc_library = native.objc_library
