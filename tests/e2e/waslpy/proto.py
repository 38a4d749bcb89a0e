"""The generated protobuf classes, made by protoc into a temporary folder when first imported."""
import atexit
import importlib
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[3] / "proto"

_folder = tempfile.mkdtemp(prefix="waslpy-proto-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
subprocess.run(["protoc", f"--python_out={_folder}", "-I", str(SOURCE), *map(str, sorted(SOURCE.glob("*.proto")))],
               check=True)
sys.path.insert(0, _folder)
envelope = importlib.import_module("envelope_pb2")
content = importlib.import_module("content_pb2")
ledger = importlib.import_module("ledger_pb2")
session = importlib.import_module("session_pb2")
