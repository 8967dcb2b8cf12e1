"""Writes tensorflow.tsv: every operator of an installed TensorFlow, and what is said about some of them here.

Run it with a Python that has TensorFlow: `python write_tensorflow.py > tensorflow.tsv`. What takes no part in a computation
(files, network, Python, operators for tests) is named below or left out, and so untrusted.
"""

import os
import re
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

from tensorflow.core.framework import op_def_pb2  # noqa: E402
from tensorflow.python.client import pywrap_tf_session  # noqa: E402

REASONS = {
    # Python.
    "calls a Python function of the program that loads the model": "EagerPyFunc PyFunc PyFuncStateless",
    # Files.
    "reads whatever file it is told to, also by an input of the model": "ReadFile",
    "lists files of the machine that runs the model": "MatchingFiles MatchingFilesDataset ExperimentalMatchingFilesDataset",
    "reads the files that it is told to": """
        CSVDataset CSVDatasetV2 ExperimentalCSVDataset ExperimentalLMDBDataset ExperimentalSqlDataset
        FixedLengthRecordDataset FixedLengthRecordDatasetV2 FixedLengthRecordReader FixedLengthRecordReaderV2
        GenerateVocabRemapping LMDBDataset LMDBReader ListSnapshotChunksDataset LoadAndRemapMatrix LoadDataset
        RecordInput Skipgram SnapshotChunkDataset SnapshotDatasetReader SnapshotNestedDatasetReader SqlDataset
        TFRecordDataset TFRecordDatasetV2 TFRecordReader TFRecordReaderV2 TextLineDataset TextLineReader
        TextLineReaderV2 WholeFileReader WholeFileReaderV2""",
    "writes the files that it is told to": """
        CalibrationStatisticsSaver CreateSummaryDbWriter CreateSummaryFileWriter DatasetToTFRecord DistributedSave
        DumpTensor ExperimentalDatasetToTFRecord ImportEvent SaveDataset SaveDatasetV2 SnapshotDataset
        SnapshotDatasetV2""",
    "saves or restores variables outside of the saver of the model": """
        DTensorRestoreV2 MergeV2Checkpoints Restore RestoreSlice RestoreV2 Save SaveSlices SaveV2""",
    # Network.
    "sends what the model computes to a debugger": """
        DebugIdentity DebugIdentityV2 DebugIdentityV3 DebugNanCount DebugNumericSummary""",
    "opens a connection": """
        DataServiceDataset DataServiceDatasetV2 DataServiceDatasetV3 DataServiceDatasetV4 RegisterDataset
        RegisterDatasetV2 RpcCall RpcClient RpcServer RpcServerRegister RpcServerStart""",
    "changes how the program gets to its files": "FileSystemSetConfiguration",
    # Programs.
    "holds a program that was compiled for one kind of device": "TRTEngineOp",
    "ends the program that runs the model": "Abort",
}
DANGEROUS = {
    "writes any file with any content, which no model needs": "WriteFile",
}
# Sleeps, operators that only a runtime makes, and those that only serve its tests.
LEFT_OUT = re.compile(
    r"Sleep|WorkerHeartbeat|^(Send|Recv|RemoteCall)$|RpcCheckStatus|RpcGetValue|DeleteRpcFutureResource|ConstructionFails|KernelLabel"
    r"|^_(?!(Arg|Retval|ListToArray|ArrayToList|SwitchN|ParallelConcat|Unary|TensorToHash|Fused|Mkl|Quantized))"
)
# What the package for tests of operators registers.
TESTS = re.compile(
    r"^(A|Attr.*|B|Binary|ComplexStruct|CopyOp|DefaultAttrs|DevicePlacementOp|DtypeWithDefaultOp|FiveFloatOutputs"
    r"|Float(In|Out)put.*|Foo\d|Func(List)?Attr|GetDeadline|GraphDefVersion|InPolymorphicTwice|Int(Input|Output|Attr).*"
    r"|Int64Output|IsResourceHandleRefCounting|IsTensorFloat32Enabled|List(In|Out)put|MakeWeakResourceHandle"
    r"|MixedStruct|MlirPassthroughOp|N(In|Ints|Polymorphic).*|Namespace>.*|None|Old|OpWith.*|Out(T|Type.*)"
    r"|Polymorphic.*|Ref(In|Out).*|RequiresOlderGraphVersion|Reserved.*|Resource(Create|Initialized|Using)Op"
    r"|Restrict|Simple|SimpleStruct|StringListAttr|StubResourceHandleOp|Test.*|Two(Float|Int|Refs).*|TypeList.*|Unary)$"
)


def main():
    operators = op_def_pb2.OpList()
    buffer = pywrap_tf_session.TF_GetAllOpList()
    operators.ParseFromString(pywrap_tf_session.TF_GetBuffer(buffer))
    rows = {("", operator.name): "harmless" for operator in operators.op}
    rows = {key: row for key, row in rows.items() if not LEFT_OUT.search(key[1]) and not TESTS.search(key[1])}
    for verdict, reasons in (("untrusted", REASONS), ("dangerous", DANGEROUS)):
        for reason, names in reasons.items():
            for name in names.split():
                rows["", name] = f"{verdict}\t{reason}"
    rows["saver", "*"] = "harmless"
    print("# domain\tname\tverdict\treason; written by write_tensorflow.py, sorted")
    for (domain, name), row in sorted(rows.items()):
        print(f"{domain}\t{name}\t{row}")
    print(len(rows), file=sys.stderr)


if __name__ == "__main__":
    main()
