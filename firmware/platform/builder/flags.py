"""SCons script: the compiler's and linker's options, the same for any PlatformIO platform that builds the firmware."""

Import("env")  # type: ignore[name-defined]  # noqa: F821

board = env.BoardConfig()  # type: ignore[name-defined]  # noqa: F821
machine = [
    f"-mcpu={board.get('build.cpu')}",
    f"-mfpu={board.get('build.fpu')}",
    f"-mfloat-abi={board.get('build.float_abi')}",
    "-mthumb",
]
env.Append(  # type: ignore[name-defined]  # noqa: F821
    ASFLAGS=machine,
    CCFLAGS=[
        *machine,
        "-O2",
        "-falign-loops=8",  # a loop that starts in mid-word costs a cycle per iteration
        "-ffunction-sections",
        "-fdata-sections",
        "-ffp-contract=off",  # bit-exact float32: no fused multiply-add
    ],
    CFLAGS=["-std=c11"],
    CXXFLAGS=["-std=c++17", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics", "-fno-use-cxa-atexit"],
    LINKFLAGS=[
        *machine,
        "-nostartfiles",
        "--specs=nano.specs",
        "--specs=nosys.specs",
        "-Wl,--gc-sections",
        "-Wl,--fatal-warnings",
        "-Wl,-Map=$BUILD_DIR/${PROGNAME}.map",
    ],
    LIBS=["m"],
)
