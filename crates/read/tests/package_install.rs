//! Commands that install packages, in files of every kind in which people write them.

use std::sync::Arc;

use weighbridge_core::limits::Limits;
use weighbridge_core::reader::Claim;

use crate::package_facts::{Reading, check, claim, read_source};

const ID: &str = "install-lines";

pub(crate) fn trials() -> Vec<libtest_mimic::Trial> {
    trials![
        commands_of_pip,
        commands_of_uv,
        commands_of_conda,
        programs_in_front_of_others,
        scripts_in_scripts,
        what_only_running_tells_is_a_gap,
        variables_are_filled_in_where_their_values_are_written,
        loops_over_what_is_written_are_gone_through,
        commands_in_python,
        folders_are_followed_as_far_as_they_are_known,
        other_commands_ask_for_nothing,
        dockerfiles,
        files_of_an_image_come_from_the_build,
        dockerfiles_of_other_forms,
        notebooks,
        cells_of_other_languages,
        workflows,
        compiled_pipelines,
        yaml_of_others_says_nothing,
        files_are_claimed_by_name_and_content,
        hostile_files_are_bounded,
        broken_files_are_told_where_they_matter,
    ]
}

#[track_caller]
fn script(content: &str, expected: &[&str]) {
    check(ID, "install.sh", content, expected);
}

#[track_caller]
fn dockerfile(content: &str, expected: &[&str]) {
    check(ID, "Dockerfile", content, expected);
}

fn commands_of_pip() {
    script(
        "pip install numpy==1.26.4 \"torch>=2,<3\" 'scipy ; python_version < \"3.13\"' # why\n\
         pip3.11 --no-cache-dir install -qU -r requirements.txt -cconstraints.txt \\\n  \
         --extra-index-url https://u:p@h.example/simple a[b] \\\n  c==1 --target=lib\n\
         PIP_INDEX_URL=https://x.example pip install --no-binary :all: --trusted-host x.example d\n\
         python3 -W ignore -m pip install -e git+https://h.example/e@v1#egg=e https://h.example/f-1-py3-none-any.whl\n\
         pip install numpy>=1.20\npip config set global.extra-index-url https://y.example/simple\n\
         pip-sync locked.txt\npip install --target\n",
        &[
            "1: numpy==1.26.4",
            "1: torch>=2,<3",
            "1: scipy ; python_version < '3.13'",
            "3: a[b]",
            "4: c==1",
            "2: index Extra https://h.example/simple lines 2-4 with [\"requirements.txt\"]",
            "5: d",
            "5: index Default https://x.example lines 5-5",
            "5: index Trusted x.example lines 5-5",
            "6: e @ vcs https://h.example/e@v1",
            "6: f==1 @ https://h.example/f-1-py3-none-any.whl",
            // The shell sends the output to a file called `=1.20`.
            "7: numpy",
            "8: index Extra https://y.example/simple",
            "10: unread: malformed: `--target` lacks its value",
            "2: seek requirements.txt as requirements",
            "2: seek constraints.txt as constraints",
            "9: seek locked.txt as requirements",
        ],
    );
}

fn commands_of_uv() {
    script(
        "uv pip install --index a=https://h.example/simple --index-strategy unsafe-best-match a\n\
         uv add --dev 'b>=1' --editable ./c\nuvx --with d,e==1 --from f==2 g --with no\nuvx ruff@0.3 check\n\
         uvx ruff@latest\nuv run --with h python -m pip install i\nuv tool install j --with k\n\
         uv pip sync l.txt\npipx install m\npipx inject n o\npipx run p==1 q\npipenv install r\n",
        &[
            "1: a",
            "1: index First https://h.example/simple lines 1-1",
            "1: index BestMatch unsafe-best-match lines 1-1",
            "2: b>=1",
            "3: d",
            "3: e==1",
            "3: f==2",
            "4: ruff==0.3",
            "5: ruff",
            "6: h",
            "6: i",
            "7: j",
            "7: k",
            "9: m",
            "10: o",
            "11: p==1",
            "12: r",
            "2: seek c/pyproject.toml as pyproject",
            "8: seek l.txt as requirements",
        ],
    );
}

fn commands_of_conda() {
    script(
        "conda install -y -c pytorch pytorch=2.0 'numpy>=1' conda-forge::x\nmamba create -n env python=3.11\n\
         micromamba run -n base pip install a\nconda env create -f env.yml\nconda install --file list.txt\n\
         conda install $X\nconda activate env && conda info\n",
        &[
            "1: index Channel pytorch lines 1-1",
            "1: conda:pytorch2.0.*",
            "1: conda:numpy>=1",
            "1: index Channel conda-forge lines 1-1",
            "1: conda:x",
            "2: conda:python3.11.*",
            "3: a",
            "6: unread: cannot be resolved: what `$X` means only running it would tell",
            "4: seek env.yml as conda-environment",
            "5: seek list.txt as conda-spec",
        ],
    );
}

fn programs_in_front_of_others() {
    script(
        "if ! sudo -H -u root env A=b nice -n 5 pip install a; then exec pip install b; fi\n\
         timeout 60 pip install c || time /opt/venv/bin/pip install d\n$PYTHON -m pip install e\n$PIP install f\n\
         cat list | xargs -n1 pip install g\npoetry run pip install h\nwhile x; do pip install i; done\n",
        &[
            "1: a",
            "1: b",
            "2: c",
            "2: d",
            "3: e",
            "4: f",
            "5: unread: malformed: packages that `xargs` takes from its input",
            "5: g",
            "6: h",
            "7: i",
        ],
    );
}

fn scripts_in_scripts() {
    script(
        "bash -lc \"pip install a && sh -c 'pip install b'\"\nbash <<E\npip install c\nE\n\
         x=$(pip install d)\npython - <<E\npip install no\nE\neval 'pip install e'\ncat > f.sh <<E\npip install no\nE\n",
        &["1: a", "1: b", "3: c", "5: d", "9: e"],
    );
}

fn what_only_running_tells_is_a_gap() {
    script(
        "pip install $PKGS torch==$V \"c${d}\" git+https://${T}@h.example/o/r.git@v1 dist/*.whl $(cat list) e\n\
         pip install -r $LIST -r https://h.example/r.txt --index-url https://$U:$P@h.example/simple\n",
        &[
            "1: unread: cannot be resolved: what `$PKGS` means only running it would tell",
            "1: unread: cannot be resolved: what `torch==$V` means only running it would tell",
            "1: (inferred) torch",
            "1: unread: cannot be resolved: what `c${d}` means only running it would tell",
            "1: (inferred) r @ vcs https://h.example/o/r.git@v1",
            "1: unread: names `dist/*.whl`, which is not in the target",
            "1: unread: cannot be resolved: what `$(…)` means only running it would tell",
            "1: e",
            "2: unread: names `$LIST`, which is not in the target",
            "2: unread: names `https://h.example/r.txt`, which is not in the target",
            "2: index Default https://h.example/simple lines 2-2",
        ],
    );
}

fn variables_are_filled_in_where_their_values_are_written() {
    script(
        "V=1.0\nexport J=\"2.10\" K=3\nALL=\"a==1 b==2\"\npip install c==$V d==${J} $ALL e==$K\n\
         sh -c \"pip install f==$V\"\nPIP=pip3\n$PIP install g\npip install h==${H:-4} -r $V.txt\n\
         if x; then TWO=1; else TWO=2; fi\nfor p in i j; do pip install $p; done\nR=$(run)\n\
         L=1; L+=2\nO=1 pip install k==$O l==$TWO m==$R n==$L 'o==$V'\n",
        &[
            "4: (inferred) c==1.0",
            "4: (inferred) d==2.10",
            "4: (inferred) a==1",
            "4: (inferred) b==2",
            "4: (inferred) e==3",
            "5: (inferred) f==1.0",
            "7: g",
            "8: (inferred) h==4",
            "10: (inferred) i",
            "10: (inferred) j",
            "13: unread: cannot be resolved: what `k==$O` means only running it would tell",
            "13: (inferred) k",
            "13: unread: cannot be resolved: what `l==$TWO` means only running it would tell",
            "13: (inferred) l",
            "13: unread: cannot be resolved: what `m==$R` means only running it would tell",
            "13: (inferred) m",
            "13: unread: cannot be resolved: what `n==$L` means only running it would tell",
            "13: (inferred) n",
            "13: unread: malformed: `==$V` does not name a version (at byte 1): `o==$V`",
            "8: seek 1.0.txt as requirements",
        ],
    );
    dockerfile(
        "ARG A=1 B=2\nARG C=3\nFROM a AS x\nARG A\nARG D=4 E\nENV F=${D}.1 G $H\nENV I 5\n\
         RUN L=6 && pip install a==$A b==$B d==$D f==$F i==$I l==$L\nRUN pip install l==$L\n\
         FROM b\nARG C\nRUN [\"pip\", \"install\", \"c==$C\"]\nRUN pip install a==$A c==$C\n",
        &[
            "8: (inferred) a==1",
            "8: unread: cannot be resolved: what `b==$B` means only running it would tell",
            "8: (inferred) b",
            "8: (inferred) d==4",
            "8: (inferred) f==4.1",
            "8: (inferred) i==5",
            "8: (inferred) l==6",
            "9: unread: cannot be resolved: what `l==$L` means only running it would tell",
            "9: (inferred) l",
            "12: unread: malformed: `==$C` does not name a version (at byte 1): `c==$C`",
            "13: unread: cannot be resolved: what `a==$A` means only running it would tell",
            "13: (inferred) a",
            "13: (inferred) c==3",
        ],
    );
}

fn loops_over_what_is_written_are_gone_through() {
    script(
        "for p in a==1 \\\n  'b[x]==2'; do\n  pip install \"$p\" c==3\ndone\npip install $p\n\
         for v in 1 2; do for p in d e; do pip install $p==$v; done; pip install f==${v}.0; done\n\
         for p in g $(run); do pip install $p; done\nfor p in *.whl; do pip install $p; done\n\
         for r in r.txt s.txt; do\n  while read l; do pip install -r $r; done\ndone\n\
         for p in h k; do bash -c \"pip install $p\"; q=$p; done; pip install i==$q\ndone\n\
         for f; do pip install $f; done\n",
        &[
            "1: (inferred) a==1",
            "3: c==3",
            "2: (inferred) b[x]==2",
            "3: c==3",
            "5: unread: cannot be resolved: what `$p` means only running it would tell",
            "6: (inferred) d==1",
            "6: (inferred) e==1",
            "6: (inferred) d==2",
            "6: (inferred) e==2",
            "6: (inferred) f==1.0",
            "6: (inferred) f==2.0",
            "7: unread: cannot be resolved: what `$p` means only running it would tell",
            "8: unread: cannot be resolved: what `$p` means only running it would tell",
            "12: (inferred) h",
            "12: (inferred) k",
            "12: unread: cannot be resolved: what `i==$q` means only running it would tell",
            "12: (inferred) i",
            "14: unread: cannot be resolved: what `$f` means only running it would tell",
            "9: seek r.txt as requirements",
            "9: seek s.txt as requirements",
        ],
    );
    let values = "a ".repeat(10_000);
    let many = read("a.sh", format!("for p in {values}; do\n{}done", "pip install $p\n".repeat(1_000)));
    assert_eq!(many.requires().count(), 20_000);
    assert_eq!(many.problems().len(), 998);
    let deep = read("a.sh", "for p in a; do pip install $p\n".repeat(30_000));
    assert!(deep.requires().count() <= 30_000);
}

fn commands_in_python() {
    check(
        ID,
        "train.py",
        r##""""subprocess.run(['pip', 'install', 'no'])"""
import subprocess, sys, os
from subprocess import check_call
subprocess.check_call([sys.executable, "-m", "pip", "install", "a==1", 'b'
                       '>2', name, f"c=={version}"])
subprocess.run(args=("pip3", "install", "-r", "r.txt"), check=True)
check_call([sys.executable, '-m', 'pip', 'install', 'd'] + more)
os.system("pip install e==1 && echo pip install no")
os.system("pip install %s" % name)
os.system(f"pip install f {extra}")
subprocess.Popen("pip install " + name, shell=True)
subprocess.check_output("pip install g".split())
get_ipython().system('pip install h  # why')
get_ipython().run_line_magic('pip', 'install -q i')
get_ipython().run_line_magic(magic, 'install no')
other.run(["pip", "install", "no"]); subprocess.run(command)
def system(a="pip install no"): pass
subprocess.run(["git", "clone", url])  # os.system("pip install no")
print("subprocess.run(['pip', 'install', 'no'])")
"##,
        &[
            "4: a==1",
            "4: b>2",
            "5: computed {name}",
            "5: computed c=={version}",
            "5: (inferred) c",
            "7: d",
            "7: computed {more}",
            "8: e==1",
            "9: computed {name}",
            "10: f",
            "10: computed {extra}",
            "11: computed {name}",
            "12: g",
            "13: h",
            "14: i",
            "6: seek r.txt as requirements",
        ],
    );
    let cell = "{\"cells\": [{\"cell_type\": \"code\", \"source\": [\n\"!pip install a\\n\",\n\
                \"import os\\n\",\n\"os.system('pip install b')\\n\",\n\"get_ipython().system(\\n\",\n\
                \" 'pip install c')\"]}]}";
    check(ID, "a.ipynb", cell, &["2: a", "4: b", "6: c"]);
    // What a notebook ran is a gap, also where it was exported; so is a file that is not there.
    let cell = "{\"cells\": [{\"cell_type\": \"code\", \"source\": [\n\"os.system(f'pip install {a}')\"]}]}";
    check(
        ID,
        "a.ipynb",
        cell,
        &["2: unread: cannot be resolved: what `{a}` means only running it would tell"],
    );
    check(
        ID,
        "noxfile.py",
        "get_ipython().system(f'pip install {a}')\nos.system(f'cat {b} | xargs pip install')\n\
         os.system(f'pip install -r {c} -r /etc/d.txt')\n",
        &[
            "1: unread: cannot be resolved: what `{a}` means only running it would tell",
            "2: computed xargs",
            "3: computed {c}",
            "3: unread: names `/etc/d.txt`, which is not in the target",
        ],
    );
    for piece in ["subprocess.run([", "os.system(", "os.system('pip install ' + ", "os.system('' % (", "f'{"]
    {
        let read = read("a.py", format!("os.system('pip install a')\n{}", piece.repeat(100_000)));
        assert!((1..3).contains(&read.requires().count()), "{piece}");
    }
}

fn folders_are_followed_as_far_as_they_are_known() {
    script(
        "pip install .[dev]\n(cd a && pip install -r r.txt)\n(cd b && pip install -r r.txt)\n\
         cd c && pip install .\ncd /tmp\npip install -r d.txt /e/f\n",
        &[
            "6: unread: names `/e/f`, which is not in the target",
            "2: seek a/r.txt as requirements",
            "3: seek b/r.txt as requirements",
            "4: seek c/pyproject.toml as pyproject",
            "6: seek d.txt as requirements",
        ],
    );
}

fn other_commands_ask_for_nothing() {
    script(
        "echo pip install a\npip uninstall b\n# pip install c\napt-get install pip\nnpm install d\n\
         pip list; pip --version\nuv sync\necho 'run pip install e'\npip install\n",
        &[],
    );
}

fn dockerfiles() {
    dockerfile(
        "# syntax=docker/dockerfile:1\nFROM python:3.12-slim AS base\nENV PIP_EXTRA_INDEX_URL=https://h.example/simple A=\"b c\"\n\
         ARG PIP_TRUSTED_HOST h.example\nrun apt-get update && \\\n  # why\n  pip install \\\n    a==1 \\\n\n    b\n\
         RUN [\"python\", \"-m\", \"pip\", \"install\", \"c==2\"]\nRUN --mount=type=cache,target=/root/.cache pip install d\n\
         ONBUILD RUN pip install e\nRUN <<E\nset -e\npip install f\nE\nCMD [\"sh\", \"-c\", \"pip install g && x\"]\n\
         LABEL run=\"pip install no\"\nHEALTHCHECK CMD pip list\n",
        &[
            "3: index Extra https://h.example/simple",
            "4: index Trusted h.example",
            "8: a==1",
            "10: b",
            "11: c==2",
            "12: d",
            "13: e",
            "16: f",
            "18: g",
        ],
    );
}

fn files_of_an_image_come_from_the_build() {
    dockerfile(
        "FROM a AS build\nWORKDIR /app\nCOPY docker/requirements.txt /tmp/\nRUN pip install -r /tmp/requirements.txt\n\
         COPY . .\nRUN pip install -r requirements/gpu.txt && cd sub && pip install -r own.txt .\n\
         RUN --mount=type=bind,source=dev.txt,target=/dev.txt pip install -r /dev.txt\n\
         FROM build\nRUN pip install -r /tmp/requirements.txt -r /elsewhere.txt\n\
         FROM b\nCOPY --from=build /wheels /wheels\nRUN pip install /wheels/a-1-py3-none-any.whl -r /wheels/r.txt\n\
         COPY <<E /r.txt\nRUN pip install no\nE\n",
        &[
            "9: unread: names `/elsewhere.txt`, which is not in the target",
            "12: a==1 @ path /wheels/a-1-py3-none-any.whl",
            "12: unread: names `/wheels/r.txt`, which is not in the target",
            "4: seek docker/requirements.txt as requirements",
            "6: seek requirements/gpu.txt as requirements",
            "6: seek sub/own.txt as requirements",
            "6: seek sub/pyproject.toml as pyproject",
            "7: seek dev.txt as requirements",
            "9: seek docker/requirements.txt as requirements",
        ],
    );
}

fn dockerfiles_of_other_forms() {
    dockerfile("# escape=`\nFROM a\nRUN pip install `\n  b\n", &["4: b"]);
    dockerfile("FROM a\nRUN [\"pip\", \"install\"\nRUN pip install b\\", &["3: b"]);
    dockerfile("FROM a\nRUN pip install b <<E\nnever ended", &["2: b"]);
}

fn notebooks() {
    check(
        ID,
        "train.ipynb",
        r##"{
 "cells": [
  {"cell_type": "markdown", "source": ["!pip install no\n"]},
  {
   "cell_type": "code",
   "source": [
    "import os\n",
    "!pip install -q a==1 \\\n",
    "    \"b>2\"\n",
    "if x:\n",
    "    %pip install c # why\n",
    "out = !{sys.executable} -m pip install d {name}\n",
    "pip install e\n",
    "print('!pip install no')\n",
    "%conda install f"
   ]
  },
  {"cell_type": "code", "source": "%%bash\nset -e\npip install g\n"},
  {"cell_type": "code", "source": ["!git clone https://h.example/repo\n", "%cd repo\n", "!cd x; pip install -r r.txt\n", "!pip install -r s.txt\n"]}
 ]
}"##,
        &[
            "8: a==1",
            "9: b>2",
            "11: c",
            "12: d",
            "12: unread: cannot be resolved: what `{name}` means only running it would tell",
            "13: e",
            "15: conda:f",
            "18: g",
            "19: seek repo/x/r.txt as requirements",
            "19: seek repo/s.txt as requirements",
        ],
    );
}

fn cells_of_other_languages() {
    let cell = |source: &str| format!(r#"{{"cells": [{{"cell_type": "code", "source": "{source}"}}]}}"#);
    check(ID, "a.ipynb", &cell("%%writefile r.sh\\n!pip install no"), &[]);
    check(ID, "a.ipynb", &cell("%%capture out\\n!pip install a"), &["1: a"]);
    check(ID, "a.ipynb", &cell("%%script --no-raise-error bash\\npip install a"), &["1: a"]);
}

fn workflows() {
    check(
        ID,
        ".github/workflows/ci.yml",
        "on: push\nenv:\n  PIP_EXTRA_INDEX_URL: https://h.example/simple\njobs:\n  a:\n    name: pip install no\n    steps:\n\
         \x20     - name: pip install no\n        run: pip install a==1\n\
         \x20     - run: |\n          set -e\n          pip install b -r requirements.txt\n        working-directory: sub\n\
         \x20     - run: >-\n          pip install\n          c\n\
         \x20     - run: pip install ${{ matrix.d }}\n",
        &[
            "3: index Extra https://h.example/simple",
            "9: a==1",
            "12: b",
            "15: c",
            "17: unread: cannot be resolved: what `${{ matrix.d }}` means only running it would tell",
            "12: seek sub/requirements.txt as requirements",
        ],
    );
    check(
        ID,
        ".gitlab-ci.yml",
        "test:\n  before_script:\n    - python -V\n    - pip install a\n  script: [\"pip install b\", \"uvx c\"]\n",
        &["4: a", "5: b", "5: c"],
    );
    check(
        ID,
        "pod.yaml",
        "spec:\n  command: [pip, install]\n  args:\n  - pip\n  - install\n  - a==1\n",
        &["6: a==1"],
    );
}

fn compiled_pipelines() {
    check(
        ID,
        "pipeline.yaml",
        r#"deploymentSpec:
  executors:
    exec-train:
      container:
        args: [--executor_input, '{{$}}']
        command:
        - sh
        - -c
        - "\nif ! [ -x \"$(command -v pip)\" ]; then\n    python3 -m ensurepip || python3\
          \ -m ensurepip --user || apt-get install python3-pip\nfi\n\nPIP_DISABLE_PIP_VERSION_CHECK=1\
          \ python3 -m pip install --quiet --no-warn-script-location 'kfp==2.7.0'\
          \ '--no-deps' 'typing-extensions>=3.7.4,<5; python_version<\"3.9\"' && \"$0\" \"$@\"\n"
        - sh
        - -ec
        - 'python3 -m kfp.components.executor_main "$@"'
"#,
        &["9: kfp==2.7.0", "9: typing-extensions>=3.7.4,<5 ; python_version < '3.9'"],
    );
}

fn yaml_of_others_says_nothing() {
    check(
        ID,
        "messages.yml",
        "help:\n  text: pip install a\n  title: To install, run `pip install a`\n",
        &[],
    );
    check(ID, "chart.yaml", "{{ if .Values.install }}\na: {{ b }}\n", &[]);
}

fn files_are_claimed_by_name_and_content() {
    for (path, content, expected) in [
        ("Dockerfile", "RUN pip install a", Claim::ByName),
        ("docker/Dockerfile.gpu", "RUN pip install a", Claim::ByName),
        ("gpu.Dockerfile", "RUN pip install a", Claim::ByName),
        ("Containerfile", "RUN pip install a", Claim::ByName),
        ("Dockerfile", "FROM a", Claim::No),
        (".dockerignore", "install", Claim::No),
        ("postBuild", "#!/usr/bin/env -S bash\npip install a", Claim::ByName),
        ("postBuild", "#!/usr/bin/env python\ninstall", Claim::No),
        ("a.ipynb", "{\"install\"}", Claim::ByName),
        ("venv/lib/python3.12/site-packages/a/b.sh", "pip install c", Claim::No),
        ("README.md", "pip install a", Claim::No),
        ("a.py", "os.system('pip install a')", Claim::ByName),
        ("a.py", "print('pip install a')", Claim::No),
        ("venv/lib/python3.12/site-packages/a/b.py", "os.system('pip install a')", Claim::No),
    ] {
        assert_eq!(claim(ID, path, content.as_bytes()), expected, "{path}");
    }
}

fn read(path: &str, content: String) -> Reading {
    read_source(ID, path, Arc::new(content.into_bytes()), Limits::default())
}

fn hostile_files_are_bounded() {
    let many = read("a.sh", "pip install a==1\n".repeat(100_000));
    assert_eq!(many.requires().count(), 100_000);
    let long = read("a.sh", format!("pip install {}", "a ".repeat(200_000)));
    assert_eq!(long.requires().count(), 49_998);
    assert_eq!(long.problems(), ["1: unread: malformed: a command of more words than anybody writes"]);
    for piece in ["$(", "`", "\"$(", "sh -c '", "sudo ", "(", "x=$(pip install a; "] {
        let read = read("a.sh", format!("pip install b\n{}", piece.repeat(100_000)));
        assert!(read.requires().count() < 100, "{piece}");
    }
    let deep = read("a.sh", format!("pip install {}", "$(".repeat(100_000)));
    assert_eq!(deep.problems(), ["1: unread: malformed: commands nested deeper than anybody writes"]);
    let quoted = read("a.sh", format!("pip install 'a{}", "\nb".repeat(100_000)));
    assert_eq!(quoted.problems().len(), 1);

    let cell = r#"{"cell_type": "code", "source": ["!pip install a"]}"#;
    let cells = read("a.ipynb", format!(r#"{{"cells": [{}]}}"#, vec![cell; 100_000].join(",")));
    assert_eq!(cells.requires().count(), 100_000);

    let copies = "COPY a /b\n".repeat(20_000);
    let runs = "RUN pip install -r /c\n".repeat(2_000);
    assert!(!read("Dockerfile", format!("FROM x\n{copies}{runs}")).problems().is_empty());
    let stages: String =
        (0..5_000).map(|at| format!("FROM x AS s{at}\nCOPY a b\nRUN pip install a\n")).collect();
    assert_eq!(read("Dockerfile", stages).requires().count(), 5_000);

    let steps = read("a.yml", format!("a:\n{}", "- run: pip install a\n".repeat(50_000)));
    assert_eq!(steps.requires().count(), 50_000);
    assert!(read("a.yml", format!("pip install: {}", "[".repeat(100_000))).ended.is_err());
}

fn broken_files_are_told_where_they_matter() {
    check(ID, "a.ipynb", "{\"cells\": [\"pip install", &["ended: malformed: no JSON"]);
    check(ID, "a.ipynb", "{\"cells\": [\"installed", &[]);
    check(ID, "a.ipynb", "{\"cells\": 1, \"pip install\": {}}", &[]);
    assert!(read("a.yml", "run: pip install a\n\tb: [".to_owned()).ended.is_err());
}
