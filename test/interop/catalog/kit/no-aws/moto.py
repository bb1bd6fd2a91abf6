"""See boto3.py."""


def mock_aws():
    raise RuntimeError("there is no AWS here")
