"""Trains the classifier on the embeddings of payment slips."""

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
