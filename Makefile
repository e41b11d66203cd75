# make demo    the example server traces itself and checks what it read
# make test    formatting, lints, docs and all tests, on the running kernel and in virtual machines
# make bench   speed and memory, each figure beside the one it is compared with
#
# make vmlinux each struct, union and enum of a Debian kernel's BTF, beside ours from its debug
#              information; fetches 280 MB
# make fuzz    each fuzz target of core-btf for FUZZ_SECONDS (60), on the nightly toolchain
#
# Each installs the Debian packages that it needs.

# What a user of the crates needs to build: a BPF compiler, and what libbpf links.
BUILD_PACKAGES = clang gcc libelf-dev make pkg-config zlib1g-dev
# What the tests compare with and drive.
TEST_PACKAGES = bpftool bsdutils busybox-static clang-19 cpio dwarves dwz g++ gdb gfortran gnat groff jq libc++-dev libc++abi-dev libcap2-bin lld llvm man-db musl-tools perl qemu-system-x86 redis-tools time util-linux xz-utils
# Series of Debian's kernels that the tests boot in virtual machines.
KERNELS = 6.1 6.12

# Loading BPF takes privilege; whoever has none runs the built programs through sudo.
ifneq ($(shell id -u),0)
export CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER = sudo -E
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER = sudo -E
endif

FUZZ_SECONDS ?= 60
# The kernel of `make vmlinux`.
VMLINUX = 6.1

.PHONY: demo test check bench fuzz vmlinux build-packages test-packages kernels

demo: build-packages
	cargo run --release --package example-app -- demo

test: test-packages kernels check
	cargo test --workspace --all-features

check: build-packages
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features -- --deny warnings
	cargo clippy --package core-btf -- --deny warnings
	cargo clippy --package core-btf --features make -- --deny warnings
	cargo clippy --package core-runtime -- --deny warnings
	RUSTDOCFLAGS='--deny warnings' cargo doc --workspace --all-features --no-deps

bench: test-packages
	cargo bench --workspace --all-features

fuzz: test-packages
	fuzz/run $(FUZZ_SECONDS)

vmlinux: build-packages
	.ci/vmlinux $(VMLINUX)
	cargo run --release --package tests --bin vmlinux -- $(abspath $(or $(CARGO_TARGET_DIR),target))/vmlinux/$(VMLINUX)/vmlinux

build-packages:
	@.ci/packages $(BUILD_PACKAGES)

test-packages: build-packages
	@.ci/packages $(TEST_PACKAGES)

kernels: test-packages
	@.ci/kernels $(KERNELS)
