//! Many processes, of one binary or of several versions of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::clang;

/// A program that reads from the application and, through `struct pt_regs`, from the kernel.
pub const PROGRAM: &str = r#"
struct data { int a; int c; } __attribute__((preserve_access_index))
	__attribute__((btf_decl_tag("core:app")));
struct pt_regs___k { unsigned long di; } __attribute__((preserve_access_index));
SEC("uprobe") int reader(struct pt_regs___k *ctx)
{
	struct data *d = (void *)ctx->di;
	int a = 0, c = 0;
	bpf_probe_read_user(&a, sizeof(a), &d->a);
	bpf_probe_read_user(&c, sizeof(c), &d->c);
	return a + c;
}
"#;

/// Types of an application, two hundred structs beside the one that is read; `n` makes them those of
/// another version.
#[must_use]
pub fn declarations(n: usize) -> String {
    let mut text = format!("struct data {{ int a, b[{n}], c; }} data;\n");
    for other in 0..200 {
        let part = format!(
            "struct part_{other} {{ int id; char name[{}]; struct part_{other} *next; long sum; }} \
             part_{other};\n",
            n + other + 1
        );
        text.push_str(&part);
    }
    text
}

/// A stripped program of at least `size` bytes with these types in `.BTF`, which waits for its
/// standard input to end; `flags` are for the compiler.
///
/// # Panics
/// When it cannot be compiled.
#[must_use]
pub fn program(directory: &Path, name: &str, size: usize, types: &[u8], flags: &[&str]) -> PathBuf {
    let btf = directory.join(format!("{name}.btf"));
    fs::write(&btf, types).unwrap();
    let source = format!(
        "#include <unistd.h>\n\
         __asm__(\".section .BTF,\\\"a\\\"\\n.incbin \\\"{}\\\"\\n\
         .section .rodata\\n.fill {size}, 1, 0x5a\\n.text\");\n\
         int main(void) {{ char c; return read(0, &c, 1); }}\n",
        btf.display()
    );
    let path = directory.join(name);
    clang::c_program(&source, &[&["-s"], flags].concat(), &path).unwrap();
    path
}

/// A process that waits, and is ended when this is dropped.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Starts a program that reads its standard input to the end.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(program: &Path) -> Self {
        let child = Command::new(program).stdin(Stdio::piped()).spawn();
        Self(child.unwrap())
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}
