"""SCons script of the development platform: how sources become ``firmware.elf`` and ``firmware.bin``."""

from SCons.Script import (  # type: ignore[attr-defined]
    AlwaysBuild,
    Builder,
    Default,
    DefaultEnvironment,
)

env = DefaultEnvironment()
platform = env.PioPlatform()
board = env.BoardConfig()

env.Replace(
    AR="arm-none-eabi-gcc-ar",
    AS="arm-none-eabi-as",
    CC="arm-none-eabi-gcc",
    CXX="arm-none-eabi-g++",
    OBJCOPY="arm-none-eabi-objcopy",
    RANLIB="arm-none-eabi-gcc-ranlib",
    SIZETOOL="arm-none-eabi-size",
    ARFLAGS=["rc"],
    SIZEPROGREGEXP=r"^(?:\.vectors|\.text|\.data)\s+(\d+).*",
    SIZEDATAREGEXP=r"^(?:\.stack|\.data|\.bss)\s+(\d+).*",
    SIZECHECKCMD="$SIZETOOL -A -d $SOURCES",
    SIZEPRINTCMD="$SIZETOOL -B -d $SOURCES",
    PROGNAME="firmware",
    PROGSUFFIX=".elf",
)

machine = [
    f"-mcpu={board.get('build.cpu')}",
    f"-mfpu={board.get('build.fpu')}",
    f"-mfloat-abi={board.get('build.float_abi')}",
    "-mthumb",
]
env.Append(
    ASFLAGS=machine,
    CCFLAGS=[
        *machine,
        "-O2",
        "-ffunction-sections",
        "-fdata-sections",
        "-ffp-contract=off",  # bit-exact float32: no fused multiply-add
        "-Wall",
        "-Wextra",
        "-Werror",
    ],
    CFLAGS=["-std=c11"],
    LINKFLAGS=[
        *machine,
        "-nostartfiles",
        "--specs=nano.specs",
        "--specs=nosys.specs",
        "-Wl,--gc-sections",
        "-Wl,--fatal-warnings",
        "-Wl,-Map=$BUILD_DIR/${PROGNAME}.map",
    ],
    BUILDERS={
        "ElfToBin": Builder(action="$OBJCOPY -O binary $SOURCES $TARGET", suffix=".bin", src_suffix=".elf"),
    },
)

program = env.BuildProgram()
image = env.ElfToBin("$BUILD_DIR/${PROGNAME}", program)
AlwaysBuild(env.Alias("nobuild", image))
buildprog = env.Alias("buildprog", image, image)
env.AddPlatformTarget("size", program, env.VerboseAction("$SIZEPRINTCMD", "Calculating size $SOURCE"), "Program Size")

protocol = env.subst("$UPLOAD_PROTOCOL")
uploaders = {
    "st-flash": 'st-flash --reset write "$SOURCE" ' + str(board.get("upload.offset_address")),
    "openocd": (
        f'openocd -f {board.get("upload.openocd_interface")} -f {board.get("upload.openocd_target")} '
        f'-c "program {{$SOURCE}} verify reset {board.get("upload.offset_address")}; shutdown"'
    ),
    "pyocd": (
        f'pyocd load --no-wait --target {board.get("upload.pyocd_target")} '
        f'--base-address {board.get("upload.offset_address")} "$SOURCE"'
    ),
}
if protocol in uploaders:
    action = env.VerboseAction(uploaders[protocol], f"Flashing with {protocol}")
    env.AddPlatformTarget("upload", image, action, "Upload")
elif protocol == "mass-storage":
    # UPLOAD_PORT is the mounted drive; the caller has checked that it is one.
    action = env.VerboseAction('$PYTHONEXE -c "import shutil, sys; shutil.copy(sys.argv[1], sys.argv[2])" '
                               '"$SOURCE" "$UPLOAD_PORT"', "Copying to $UPLOAD_PORT")
    env.AddPlatformTarget("upload", image, action, "Upload")

Default([buildprog])
