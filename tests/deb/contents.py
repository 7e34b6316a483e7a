#!/usr/bin/python3
"""contents.py ROOT BUILD - what is in the packages: who they are, what they depend on, what dpkg keeps of them, and
lists of what they are made of that are well-formed and name every library their programs need."""
import fnmatch
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT, BUILD = map(pathlib.Path, sys.argv[1:3])
SECTIONS = {"triald": "net", "trialboard": "web", "libtrial0": "libs", "libtrial-dev": "libdevel"}
HOLDS = {  # of each package what others look for; a star stands for the machine's own directory
    "triald": ["usr/bin/triald", "usr/bin/trialctl", "usr/lib/systemd/system/triald.service", "etc/triald/triald.conf",
               "usr/lib/sysusers.d/triald.conf", "usr/lib/tmpfiles.d/triald.conf",
               "usr/share/bash-completion/completions/trialctl", "usr/share/man/man1/trialctl.1.gz",
               "usr/share/man/man5/triald.conf.5.gz", "usr/share/man/man8/triald.8.gz"],
    "trialboard": ["usr/bin/trialboard", "usr/lib/systemd/system/trialboard.service",
                   "usr/share/man/man8/trialboard.8.gz", "usr/share/doc/trialboard/trialboard-alerts.yml",
                   "usr/share/doc/trialboard/trialboard-grafana.json", "usr/share/triald/board/index.html"],
    "libtrial0": ["usr/lib/*/libtrial.so.0"],
    "libtrial-dev": ["usr/include/trial/client.h", "usr/include/trial/events.def", "usr/lib/*/libtrial.so",
                     "usr/lib/*/pkgconfig/trial.pc", "usr/lib/*/cmake/trial/trialConfig.cmake"],
}
faults = 0


def expect(what, is_so, said=""):
    global faults
    if not is_so:
        faults += 1
        print(f"failed: {what}: {said}")


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def is_elf(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def needed(path):
    return re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-d", path))


def owners(libraries):
    """The packages that libraries of these names belong to."""
    foreign = sorted(library for library in libraries if not library.startswith("libtrial."))
    found = {"libtrial0"} if len(foreign) < len(libraries) else set()
    if foreign:
        said = subprocess.run(["dpkg-query", "-S", *(f"{place}/{os.uname().machine}-linux-gnu/{library}"
                               for library in foreign for place in ("/lib", "/usr/lib"))],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout
        expect("each library has an owner", len(said.splitlines()) >= len(foreign), said)
        found |= {line.split(":")[0] for line in said.splitlines()}
    return found


def check_materials(name, tree, libraries):
    """SPDX 2.3, clause by clause what it asks of every document, and that nothing is named that is not described."""
    path = tree / f"usr/share/doc/{name}/{name}.spdx.json"
    spdx = json.loads(path.read_text(encoding="utf-8"))
    expect(f"{name}: it is SPDX", (spdx["spdxVersion"], spdx["dataLicense"], spdx["SPDXID"]) ==
           ("SPDX-2.3", "CC0-1.0", "SPDXRef-DOCUMENT"), spdx)
    expect(f"{name}: it has a name of its own", re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", spdx["documentNamespace"]),
           spdx["documentNamespace"])
    expect(f"{name}: it says when and by what", re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
           spdx["creationInfo"]["created"]) and spdx["creationInfo"]["creators"], spdx["creationInfo"])
    ids = [package["SPDXID"] for package in spdx["packages"]]
    expect(f"{name}: each is described once", len(ids) == len(set(ids)), ids)
    for package in spdx["packages"]:
        missing = {"name", "versionInfo", "downloadLocation", "licenseDeclared", "externalRefs"} - set(package)
        expect(f"{name}: all is said of {package['SPDXID']}", not missing, missing)
        expect(f"{name}: {package['SPDXID']} is an identifier", re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+",
               package["SPDXID"]), package)
    for relation in spdx["relationships"]:
        for end in ("spdxElementId", "relatedSpdxElement"):
            expect(f"{name}: {relation[end]} is described", relation[end] in ids + ["SPDXRef-DOCUMENT"], relation)
    expect(f"{name}: it describes the package", ("DESCRIBES", f"SPDXRef-{name}") in
           [(r["relationshipType"], r["relatedSpdxElement"]) for r in spdx["relationships"]])
    told = {r["comment"] for r in spdx["relationships"] if r["relationshipType"] == "DYNAMIC_LINK"}
    expect(f"{name}: it names what its programs need, and no more", told == libraries, told ^ libraries)
    versions = {p["name"]: p["versionInfo"] for p in spdx["packages"]}
    if name == "triald":  # what is compiled in and has no library
        expect(f"{name}: the headers it was built with", {"msgpack", "uthash-dev"} <= set(versions), versions)
    if name == "trialboard":
        lock = json.loads((ROOT / "client/board/page/package-lock.json").read_text(encoding="utf-8"))["packages"]
        for wanted in lock[""]["dependencies"]:
            expect(f"{name}: the page's {wanted}", versions.get(wanted) == lock[f"node_modules/{wanted}"]["version"],
                   versions)
    return len(ids)


def check(deb, scratch):
    fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", run("dpkg-deb", "-f", deb), re.M))
    name, version = fields["Package"], fields["Version"]
    tree = pathlib.Path(scratch, name)
    run("dpkg-deb", "-R", deb, tree)
    expect(f"{name}: its section", fields["Section"] == SECTIONS[name], fields)
    expect(f"{name}: a role maintains it", fields["Maintainer"].startswith("triald maintainers <"), fields)
    extended = re.search(r"^Description: .{10,70}\n((?: .*\n)+)", run("dpkg-deb", "-f", deb), re.M)
    expect(f"{name}: it is described", extended and extended[1].count("\n") >= 4, fields)
    common = [f"usr/share/doc/{name}/{file}" for file in ("copyright", "changelog.gz", "changelog.Debian.gz")]
    names = [str(f.relative_to(tree)) for f in tree.rglob("*")]
    for pattern in HOLDS[name] + common:
        expect(f"{name}: it holds {pattern}", fnmatch.filter(names, pattern))
    files = [f for f in tree.rglob("*") if f.is_file() and not f.is_symlink()]
    for file in files:
        data = file.read_bytes()
        for place in (ROOT, BUILD):
            expect(f"{name}: {file.relative_to(tree)} does not name {place}", f"{place}/".encode() not in data)
    elves = [f for f in files if is_elf(f)]
    libraries = {f"{f.name} needs {library}" for f in elves for library in needed(f)}
    for owner in owners({line.split()[-1] for line in libraries}):
        expect(f"{name}: it depends on {owner}", owner in re.split(r"[ ,]+", fields["Depends"]), fields)
    if "libtrial0" in fields.get("Depends", ""):
        expect(f"{name}: it wants the library of its own version", f"libtrial0 (= {version})" in fields["Depends"], fields)
    count = check_materials(name, tree, libraries) if elves else 0
    return name, f"{len(files)} files, {len(libraries)} libraries needed, {count} materials"


def check_whole(scratch, packages):
    """What a plain install has and no package: the licence, which Debian has elsewhere, and the changes, packed."""
    plain = pathlib.Path(scratch, "plain")
    subprocess.run(["cmake", "--install", BUILD], env={**os.environ, "DESTDIR": str(plain)}, check=True,
                   stdout=subprocess.DEVNULL)
    left_out = {str(f.relative_to(plain)) for f in plain.rglob("*") if not f.is_dir()}
    for name in packages:
        tree = pathlib.Path(scratch, name)
        left_out -= {str(f.relative_to(tree)) for f in tree.rglob("*")}
    expect("each installed file is in a package", left_out ==
           {"usr/share/doc/triald/LICENSE", "usr/share/doc/triald/CHANGELOG.md"}, left_out)


def probes(program):
    return run("readelf", "-n", program).count("stapsdt")


def main():
    debs = sorted((BUILD / "packages").glob("*.deb"))
    if not debs:
        print(f"skipped: there are no packages; `cmake --build {BUILD} --target packages` makes them")
        return 77
    with tempfile.TemporaryDirectory() as scratch:
        said = dict(check(deb, scratch) for deb in debs)
        conffiles = pathlib.Path(scratch, "triald/DEBIAN/conffiles").read_text(encoding="utf-8")
        expect("triald: dpkg keeps its settings", conffiles == "/etc/triald/triald.conf\n", conffiles)
        shlibs = pathlib.Path(scratch, "libtrial0/DEBIAN/shlibs").read_text(encoding="utf-8")
        expect("libtrial0: others depend on it by its soname", shlibs.startswith("libtrial 0 libtrial0 (>= "), shlibs)
        expect("triald: its probes are not stripped", probes(pathlib.Path(scratch, "triald/usr/bin/triald")) ==
               probes(BUILD / "triald"))
        check_whole(scratch, said)
    expect("there are four", sorted(said) == sorted(SECTIONS), said)
    for name, figures in said.items():
        print(f"{name}: {figures}")
    print(f"{len(said)} packages, {faults} faults")
    return 1 if faults else 0


sys.exit(main())
