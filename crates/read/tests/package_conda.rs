//! Files of conda.

use weighbridge_core::reader::Claim;

use crate::package_facts::{check, claim};

pub(crate) fn trials() -> Vec<libtest_mimic::Trial> {
    trials![
        conda_packages_and_those_of_pip,
        files_that_are_called_environments,
        environments_that_break_the_rules,
        names_are_claimed,
    ]
}

#[track_caller]
fn environment(content: &str, expected: &[&str]) {
    check("conda-environment", "environment.yml", content, expected);
}

fn conda_packages_and_those_of_pip() {
    environment(
        "name: a\nchannels:\n- conda-forge\n- https://u:p@host.example/private\ndependencies:\n- python=3.11\n\
         - numpy=1.26.4=py311h64a7726_0\n- pytorch::pytorch>=2,<3  # the framework\n- pip\n- pip:\n  \
         - mlflow==2.9.2\n  - -r more.txt\n  - --extra-index-url https://host.example/simple\n  \
         - d @ git+https://host.example/d@main\nprefix: /opt/a\n",
        &[
            "3: index Channel conda-forge",
            "4: index Channel https://host.example/private",
            "6: conda:python3.11.*",
            "7: conda:numpy==1.26.4 py311h64a7726_0",
            "8: index Channel pytorch",
            "8: conda:pytorch>=2,<3",
            "9: conda:pip",
            "11: mlflow==2.9.2",
            "14: d @ vcs https://host.example/d@main",
            "12: follow more.txt as requirements",
        ],
    );
}

fn files_that_are_called_environments() {
    environment("services:\n  web: {}\n", &[]);
    environment("dependencies:\n  web: 1\n", &[]);
    environment("apiVersion: v2\ndependencies:\n- name: postgres\n", &[]);
}

fn environments_that_break_the_rules() {
    environment(
        "dependencies:\n- numpy>={{ version }}\n- [a]\n- conda-pip:\n  - b\n- c\n",
        &[
            "2: unread: malformed: no version specifier of conda: `numpy>={{ version }}`",
            "3: unread: malformed: a dependency that is no text",
            "4: unread: malformed: a list of packages of an unknown installer",
            "6: conda:c",
        ],
    );
}

fn names_are_claimed() {
    for (path, expected) in [
        ("environment.yml", Claim::ByName),
        ("dev-environment.yaml", Claim::ByName),
        ("model/conda.yaml", Claim::ByName),
        ("env.yaml", Claim::ByName),
        ("conda-lock.yml", Claim::No),
        ("settings.yml", Claim::No),
        ("lib/site-packages/a/environment.yml", Claim::No),
    ] {
        assert_eq!(claim("conda-environment", path, b"x"), expected, "{path}");
    }
}
