"""Writes paddle.tsv: every operator of an installed PaddlePaddle, and what is said about some of them here.

Run it with a Python that has PaddlePaddle: `python write_paddle.py > paddle.tsv`.
"""

import pathlib
import re

from paddle.base import core

REASONS = {
    "calls a Python function of the program that loads the model": "py_func py_layer",
    "takes its input from a Python program": "create_py_reader",
    "reads the files that it is told to": "load load_combine read_file",
    "writes the files that it is told to": "save save_combine",
    "holds a program that was compiled for one kind of device": """
        cinn_launch lite_engine openvino_engine tensorrt_engine""",
}
# In programs of older versions; the operators that exchange data between machines do nothing on one.
OLDER = """
    c_allreduce_max c_allreduce_min c_allreduce_prod c_allreduce_sum conv2d_fusion density_prior_box flatten fused_attention
    fused_feedforward multiclass_nms2 one_hot pad2d recurrent rpn_target_assign squeeze sync_batch_norm unsqueeze
"""


# Whole domains of programs in JSON; operators of `custom_op` need a library.
DOMAINS = "builtin cf dist_op"


def main():
    # Operators of the representation in JSON are only named in the library itself.
    library = pathlib.Path(core.libpaddle.__file__).read_bytes()
    newer = {match.decode() for match in re.findall(rb"pd_op\.([a-z0-9_]+)\0", library)}
    rows = {("", name): "harmless" for name in [*core.get_all_op_names(), *OLDER.split()]}
    rows |= {("pd_op", name): "harmless" for name in newer}
    rows |= {(domain, "*"): "harmless" for domain in DOMAINS.split()}
    for reason, names in REASONS.items():
        for name in names.split():
            rows["", name] = rows["pd_op", name] = f"untrusted\t{reason}"
    print("# domain\tname\tverdict\treason; written by write_paddle.py, sorted")
    for (domain, name), row in sorted(rows.items()):
        print(f"{domain}\t{name}\t{row}")


if __name__ == "__main__":
    main()
