"""Counts JUnit files; the last line is "N passed, N failed" (", N skipped" where there are any)."""
import sys
import xml.etree.ElementTree as tree

passed = failed = skipped = 0
for path in sys.argv[1:]:
    cases = list(tree.parse(path).getroot().iter("testcase"))
    if not cases:
        print(f"no test ran: {path}")
        failed += 1
    for case in cases:
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
            print(f"FAILED {case.get('classname')}: {case.get('name')}")
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    for suite in tree.parse(path).getroot().iter("testsuite"):  # a program that died before its first test
        if suite.get("errors", "0") != "0" and not list(suite.iter("testcase")):
            failed += 1
            print(f"FAILED {suite.get('name')}")
print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
sys.exit(1 if failed or not passed else 0)
