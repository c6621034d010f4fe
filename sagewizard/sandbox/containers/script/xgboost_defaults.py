"""The XGBoost image's defaults for a user's serving script: bodies to DMatrix, predictions of a Booster."""

from __future__ import annotations

from typing import Any

from sagewizard.sandbox.containers.script.handlers import PayloadFormatError, UnsupportedFormatError

_FORMS = {
    "text/csv": "csv",
    "text/libsvm": "libsvm",
    "text/x-libsvm": "libsvm",
    "application/x-recordio-protobuf": "recordio-protobuf",
}


def to_matrix(body: str | bytes, form: str) -> Any:
    """Read csv, libsvm or recordio-protobuf as a DMatrix; PayloadFormatError when it is none of that form."""
    import xgboost

    from sagewizard.sandbox.containers.xgb.payloads import PayloadError, decode

    try:
        return xgboost.DMatrix(decode(body.encode() if isinstance(body, str) else body, form))
    except PayloadError as error:
        raise PayloadFormatError(str(error)) from None


def read(body: str | bytes, content_type: str) -> Any:
    """Stand in for an input_fn that is not there."""
    form = _FORMS.get(content_type.split(";")[0].strip().lower())
    if form is None:
        raise UnsupportedFormatError(f"Content type {content_type} is not supported by this framework.", 415)
    return to_matrix(body, form)


def predict(data: Any, model: Any) -> Any:
    """Stand in for a predict_fn that is not there."""
    return model.predict(data, validate_features=False)
