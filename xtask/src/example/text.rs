//! The files of the example that are text.

pub(crate) const README: &str = r#"# fraud-vision

The example of Weighbridge: a small project that looks like many and has something wrong in every layer. It is made by
`cargo xtask example`; every byte of it comes from the code in `xtask/src/example/`. Nothing in it does harm.

| what | where | wrong with it |
|---|---|---|
| packages | `uv.lock` | jinja2 and pillow have known vulnerabilities; nobody asked for either, and pillow lies three levels down |
| a model | `models/encoder.pkl` | loading it runs a program (which prints a line) |
| a model | `models/classifier.pt` | nothing: a state dict that holds only tensors |
| a model | `models/embedding.safetensors` | nothing: tensors and no code |
| a model | `models/ranker` | one weight is not what the team signed (`model.sig`, `weighbridge-trust.toml`) and approved (`weighbridge.lock`) |
| an environment | `.venv` | a file of an installed package was changed after it was installed |
"#;

pub(crate) const PYPROJECT: &str = r#"[project]
name = "fraud-vision"
version = "0.4.0"
description = "Finds forged documents in pictures of payment slips"
requires-python = ">=3.12"
dependencies = [
    "fraud-vision-preprocess~=0.3.0",
    "numpy>=2.3",
    "safetensors>=0.6",
    "torch>=2.11",
]
"#;

pub(crate) const TRAIN: &str = r#""""Trains the classifier on the embeddings of payment slips."""

import pickle

import numpy as np
import torch

from fraud_vision_preprocess import resize


def main() -> None:
    labels = np.load("data/labels.npy")
    with open("models/encoder.pkl", "rb") as file:
        encoder = pickle.load(file)
    layer = torch.nn.Linear(8, 2)
    layer.load_state_dict(torch.load("models/classifier.pt"))
    for label in labels:
        print(encoder["name"], resize(8), layer, label)


if __name__ == "__main__":
    main()
"#;

pub(crate) const SERVE: &str = r#""""Scores one payment slip."""

import torch
from safetensors.torch import load_file


def score(slip: torch.Tensor) -> float:
    embedding = load_file("models/embedding.safetensors")["embedding"]
    return float((embedding @ slip).max())
"#;

pub(crate) const NOTEBOOK: &str = r##"{
 "cells": [
  {
   "cell_type": "markdown",
   "id": "title",
   "metadata": {},
   "source": ["# How many slips are forged?"]
  },
  {
   "cell_type": "code",
   "execution_count": null,
   "id": "count",
   "metadata": {},
   "outputs": [],
   "source": ["import numpy as np\n", "np.load(\"../data/labels.npy\").mean()"]
  }
 ],
 "metadata": {"language_info": {"name": "python"}},
 "nbformat": 4,
 "nbformat_minor": 5
}
"##;

pub(crate) const PYVENV: &str = "home = /usr/bin\nimplementation = CPython\nuv = 0.9.0\nversion_info = 3.12.11\n\
                                 include-system-site-packages = false\nprompt = fraud-vision\n";

pub(crate) const DIST_INFO: &str = "fraud_vision_preprocess-0.3.1.dist-info";

pub(crate) const PREPROCESS_METADATA: &str = "Metadata-Version: 2.4\nName: fraud-vision-preprocess\n\
    Version: 0.3.1\nSummary: Cuts, turns and scales payment slips\nRequires-Python: >=3.12\n\
    Requires-Dist: numpy>=2.3\nRequires-Dist: torchvision>=0.26\n";

pub(crate) const PREPROCESS_WHEEL: &str =
    "Wheel-Version: 1.0\nGenerator: by-hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n";

pub(crate) const PREPROCESS_INIT: &str = "\"\"\"Cuts, turns and scales payment slips.\"\"\"\n\n\
    from .resize import resize\n\n__all__ = [\"resize\"]\n";

pub(crate) const PREPROCESS_RESIZE: &str = "\"\"\"Scaling.\"\"\"\n\n\n\
    def resize(edge: int) -> tuple[int, int]:\n    return edge, edge\n";

/// A table of payments: made, not measured.
pub(crate) fn transactions() -> String {
    let mut text = String::from("slip,amount,country,forged\n");
    for row in 0..64u32 {
        let amount = row * 7_919 % 100_003;
        let country = ["DE", "FR", "IT", "PL"][(row * 5 % 4) as usize];
        text.push_str(&format!(
            "{row},{}.{:02},{country},{}\n",
            amount / 100,
            amount % 100,
            u32::from(row % 7 == 0)
        ));
    }
    text
}
