"""SCons script of the development platform: how sources become ``firmware.elf`` and ``firmware.bin``."""

import os

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
    LINK="arm-none-eabi-gcc",  # C++ here needs no library of its own, and Debian's compiler comes without it
    OBJCOPY="arm-none-eabi-objcopy",
    RANLIB="arm-none-eabi-gcc-ranlib",
    SIZETOOL="arm-none-eabi-size",
    ARFLAGS=["rc"],
    SIZEPROGREGEXP=r"^(?:\.vectors|\.text|\.fast_code|\.constants|\.data)\s+(\d+).*",
    SIZEDATAREGEXP=r"^(?:\.stack|\.fast_code|\.constants|\.data|\.bss)\s+(\d+).*",
    SIZECHECKCMD="$SIZETOOL -A -d $SOURCES",
    SIZEPRINTCMD="$SIZETOOL -B -d $SOURCES",
    PROGNAME="firmware",
    PROGSUFFIX=".elf",
)

env.SConscript("flags.py", exports="env")
env.Append(
    BUILDERS={
        "ElfToBin": Builder(action="$OBJCOPY -O binary $SOURCES $TARGET", suffix=".bin", src_suffix=".elf"),
    },
)

program = env.BuildProgram()
env.Depends(program, env.File(env.subst("$PROJECT_DIR/$LDSCRIPT_PATH")))
image = env.ElfToBin("$BUILD_DIR/${PROGNAME}", program)
AlwaysBuild(env.Alias("nobuild", image))
buildprog = env.Alias("buildprog", image, image)
env.AddPlatformTarget("size", program, env.VerboseAction("$SIZEPRINTCMD", "Calculating size $SOURCE"), "Program Size")

# What is programmed is the image that build.json describes, not whatever a rebuild would make of changed sources.
image_file = "$PROJECT_DIR/firmware.bin"
offset = board.get("upload.offset_address")
copy = "import os, shutil, sys; shutil.copy(*sys.argv[1:]); os.sync()"
# Which debug probe, where several are plugged in, by its USB serial number; not tried on hardware.
number = os.environ.get("FIRMBENCH_UPLOAD_SERIAL")
options = {"st-flash": "--serial {} ", "openocd": '-c "adapter serial {}" ', "pyocd": "--uid {} "}
probe = {tool: option.format(number) if number else "" for tool, option in options.items()}
uploaders = {
    "mass-storage": f'$PYTHONEXE -c "{copy}" "{image_file}" "{os.environ.get("FIRMBENCH_UPLOAD_DRIVE", "")}"',
    "st-flash": f'st-flash {probe["st-flash"]}--reset write "{image_file}" {offset}',
    "openocd": (
        f"openocd -f {board.get('upload.openocd_interface')} {probe['openocd']}"
        f"-f {board.get('upload.openocd_target')} "
        f'-c "program {{{image_file}}} verify reset {offset}; shutdown"'
    ),
    "pyocd": (
        f"pyocd load {probe['pyocd']}--no-wait --target {board.get('upload.pyocd_target')} "
        f'--base-address {offset} "{image_file}"'
    ),
}
protocol = os.environ.get("FIRMBENCH_UPLOAD_PROTOCOL") or env.subst("$UPLOAD_PROTOCOL")
if protocol not in uploaders or (protocol == "mass-storage" and not os.environ.get("FIRMBENCH_UPLOAD_DRIVE")):
    uploaders[protocol] = "$PYTHONEXE -c \"import sys; sys.exit('error: upload with: invoke flash')\""
env.AddPlatformTarget(
    "upload",
    None,
    env.VerboseAction(uploaders[protocol], f"Programming with {protocol}"),
    "Program the board",
)

Default([buildprog])
