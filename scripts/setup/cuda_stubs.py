"""Write stub shared libraries for the CUDA names that PyTorch's wheel links.

`import torch` loads libtorch_cuda.so even where no GPU is used, and that library links 2 GB of
CUDA libraries. Here each of them becomes a stub that defines exactly the symbols the wheel leaves
undefined; every one traps, so a call by mistake stops at once instead of returning rubbish.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

# Loaded by `import torch`; libtorch_cuda_linalg.so is only opened on a GPU.
USERS = ["libtorch_cuda.so", "libtorch_nvshmem.so", "libtorch_python.so", "libc10_cuda.so"]
# The owner of a symbol whose name carries no version, by prefix; the longest match wins.
PREFIXES = {
    "cuFile": "libcufile.so.0",
    "cusparseLt": "libcusparseLt.so.0",
    "nccl": "libnccl.so.2",
    "nvshmem": "libnvshmem_host.so.3",
}


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def needed(library):
    return re.findall(r"\(NEEDED\).*\[(.+?)\]", output("readelf", "-dW", library))


def versions(library):
    """The soname that each required symbol version comes from."""
    found, soname = {}, None
    for line in output("readelf", "-VW", library).splitlines():
        if match := re.search(r"Version: \d+\s+File: (\S+)", line):
            soname = match[1]
        elif match := re.search(r"\bName: (\S+)\s+Flags: .*Version: \d+", line):
            found[match[1]] = soname
    return found


def undefined(library):
    for line in output("nm", "-D", "--undefined-only", library).splitlines():
        yield line.split()[-1].partition("@")[::2]


def write_stub(folder, soname, symbols):
    with tempfile.TemporaryDirectory() as scratch:
        source, script = Path(scratch, "stub.c"), Path(scratch, "stub.map")
        names = sorted({name for name, _ in symbols})
        source.write_text("".join(f"void {n}(void) {{ __builtin_trap(); }}\n" for n in names))
        nodes = defaultdict(list)
        for name, version in sorted(symbols):
            nodes[version.lstrip("@")].append(name)
        script.write_text("".join(f"{v} {{ global: {'; '.join(n)}; }};\n" for v, n in nodes.items() if v))
        command = ["cc", "-shared", "-fPIC", "-nostdlib", "-w", "-fno-builtin", str(source)]
        command += ["-o", str(folder / soname), f"-Wl,-soname,{soname}"]
        subprocess.run(command + ([f"-Wl,--version-script={script}"] if any(nodes) else []), check=True)


def main():
    wheel = Path(sys.argv[1])
    # On the library path that the wheel was linked with, and empty but for the stubs.
    folder = wheel / "nvidia/cudnn/lib"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    real = {path.name for path in (*(wheel / "nvidia/cu13/lib").iterdir(), *(wheel / "torch/lib").iterdir())}
    system = re.compile(r"^(ld-linux|lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+)\.so)")
    wanted = defaultdict(set)
    for user in USERS:
        library = str(wheel / "torch/lib" / user)
        for soname in needed(library):
            if soname not in real and not system.match(soname):
                wanted[soname].update()
        owner_of = versions(library)
        for name, version in undefined(library):
            version = version.lstrip("@")
            prefix = max((p for p in PREFIXES if name.startswith(p)), key=len, default=None)
            owner = owner_of.get(version) or PREFIXES.get(prefix)
            if owner in wanted:
                wanted[owner].add((name, version))
    for soname, symbols in sorted(wanted.items()):
        write_stub(folder, soname, symbols)


if __name__ == "__main__":
    main()
