//! The stack probe that wasmer 5 names and newer standard libraries no longer export.
//!
//! wasmer-vm lists `__rust_probestack` among the functions that compiled code may call. The singlepass
//! compiler never calls it, but the program does not link without it. Why wasmer 5: see
//! `docs/adr/0006-wasm-compiler-licence.md`.
#![cfg(all(target_arch = "x86_64", not(target_os = "windows")))]
#![allow(unsafe_code, reason = "one symbol in assembler, which Rust cannot express")]

// Contract of the symbol: `rax` holds the size of the frame about to be made; touch every page of it,
// and change no register. Weak, so that a standard library that exports it wins.
core::arch::global_asm!(
    ".weak __rust_probestack",
    ".type __rust_probestack, @function",
    "__rust_probestack:",
    "push r10",
    "push r11",
    "lea r10, [rsp + 24]",
    "mov r11, rax",
    "2:",
    "cmp r11, 4096",
    "jbe 3f",
    "sub r10, 4096",
    "test [r10], r10",
    "sub r11, 4096",
    "jmp 2b",
    "3:",
    "sub r10, r11",
    "test [r10], r10",
    "pop r11",
    "pop r10",
    "ret",
    ".size __rust_probestack, . - __rust_probestack",
);

unsafe extern "C" {
    fn __rust_probestack();
}

/// Keeps the symbol in the program whatever order the linker reads its inputs in.
#[used]
static PROBE: unsafe extern "C" fn() = __rust_probestack;
