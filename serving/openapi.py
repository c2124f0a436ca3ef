"""The OpenAPI document of the gateway, from the model.yaml of every model that it serves.

python -m serving.openapi > openapi.yaml

TorchServe itself, at port 8080, returns the same predictions; some of its errors have another form.
"""

from __future__ import annotations

import base64
import json
import mimetypes
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from model import config
from model.config import Input, ModelConfig, Output
from serving import __version__

Node: TypeAlias = "dict[str, Any]"

MAX_EXAMPLE_BYTES = 8192  # a larger sample is no example: it would fill the document
VERSION_PATTERN = "^[0-9.]+$"
NUMPY_TYPES = {"pixels": "uint8", "number": "float32", "integer": "int64"}
TENSOR_TYPES = {"pixels": "UINT8", "number": "FP32", "integer": "INT64"}  # of an example
OUTPUT_SCHEMAS: dict[str, Node] = {
    "FP32": {"type": "number"},
    "INT64": {"type": "integer"},
    "UINT8": {"type": "integer", "minimum": 0, "maximum": 255},
    "BYTES": {"type": "string"},
}
ERRORS = {  # status: name, description, example; docker/gateway/error_messages.conf has the same sentences
    "400": ("Wrong", "The request is invalid; the message says how to correct it.",
            "the request has no body; send a file or JSON"),
    "401": ("NoKey", "The API key is missing or wrong.", "send your API key in the header X-Api-Key"),
    "404": ("NoVersion", "This version is not served.",
            "this version is not served; leave the version out to use the default"),
    "413": ("TooLarge", "The body is larger than 8 MiB.", "the body is larger than 8 MiB"),
    "429": ("TooMany", "Too many requests or connections of one address, too many large bodies, or a full queue.",
            "too many requests at once; slow down"),
    "500": ("Failed", "The model failed on this request, or its worker ended; the server's log says why.",
            "the server failed to answer this request; its log says why"),
    "503": ("NoServer", "No server is ready; they are starting or have stopped.",
            "no server is ready; try again in a moment"),
}  # fmt: skip
RETRIED = ("429", "503")


def document(configs: Sequence[ModelConfig]) -> Node:
    """Return the OpenAPI 3.1 document of the models with `gateway: true`."""
    models = [_Model(model) for model in configs if model.gateway]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Models on TorchServe",
            "version": __version__,
            "summary": "; ".join(f"{model.name}: {model.summary}" for model in configs if model.gateway),
            "description": (
                "The server recognises the format of a request by its content, whatever its content type says. "
                "A path without a version uses the default version, or the canary for its share of the requests. "
                'Every error is `{"error": "<one sentence that names the fault and the accepted input>"}`. '
                "429 and 503 give the seconds until a retry in `Retry-After`. The query is ignored. "
                "The gateway closes the connection when headers take more than 10 s, or when sending a body or reading "
                "a response pauses for 10 s."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://127.0.0.1:8000"}],
        "tags": [
            *({"name": model.name, "description": model.config.summary} for model in models),
            {"name": "service", "description": "Health and documentation of the service"},
        ],
        "security": [{}, {"key": []}],  # the key is required only if the gateway was started with one
        "paths": {path: item for paths in [*(model.paths() for model in models), _service_paths()]
                  for path, item in paths.items()},
        "components": {
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"}},
            "schemas": {"Error": _error_schema(), **_merge(model.schemas() for model in models)},
            "requestBodies": _merge(model.request_bodies() for model in models),
            "responses": {
                **{name: _error(status) for status, (name, *_) in ERRORS.items()},
                **_merge(model.responses() for model in models),
            },
        },
    }  # fmt: skip


def to_yaml(configs: Sequence[ModelConfig]) -> str:
    """Return the document in YAML."""
    without_aliases = json.loads(json.dumps(document(configs)))
    return msgspec.yaml.encode(without_aliases).decode()


class _Model:
    """The operations of one model. Its components have its name as a prefix."""

    def __init__(self, model: ModelConfig) -> None:
        self.config = model
        self.name = model.name
        self.explained = {**model.outputs, **model.explanation.outputs} if model.explanation else {}

    def paths(self) -> Node:
        """Return the path items, by path."""
        name, protocols = self.name, self.config.protocols
        paths = {
            f"/predictions/{name}": self._item("predict", "Predict", "Inputs", "Predictions"),
            f"/predictions/{name}/{{version}}": self._item(
                "predict_version", "Predict with one version", "Inputs", "Predictions", is_versioned=True
            ),
        }
        if self.config.explanation:
            summary = f"Predict and explain up to {self.config.explanation.max_count} inputs"
            paths[f"/explanations/{name}"] = self._item("explain", summary, "Inputs", "Explanations")
            paths[f"/explanations/{name}/{{version}}"] = self._item(
                "explain_version", f"{summary} with one version", "Inputs", "Explanations", is_versioned=True
            )
        if protocols.v1:
            summary = "Predict in the V1 protocol of KServe and of TensorFlow Serving"
            paths[f"/v1/models/{name}:predict"] = self._item("predict_v1", summary, "InputsV1", "PredictionsV1")
        if protocols.v2:
            summary = "Predict in the Open Inference Protocol (V2)"
            paths[f"/v2/models/{name}/infer"] = self._item("predict_v2", summary, "InputsV2", "PredictionsV2")
        return paths

    def _item(self, action: str, summary: str, body: str, response: str, *, is_versioned: bool = False) -> Node:
        errors = {code: _ref("responses", error[0]) for code, error in ERRORS.items() if is_versioned or code != "404"}
        operation = {
            "tags": [self.name],
            "summary": f"{summary}: {self.config.summary}.",
            "requestBody": self._ref("requestBodies", body),
            "responses": {"200": self._ref("responses", response), **errors},
        }
        item: Node = {
            "post": {"operationId": f"{self.name}_{action}", **operation},
            "put": {"operationId": f"{self.name}_{action}_by_put", **operation},
        }
        if not is_versioned:
            return item
        version = {
            "name": "version",
            "in": "path",
            "required": True,
            "description": "A served version; any other is 404.",
            "schema": {"type": "string", "pattern": VERSION_PATTERN},
            "example": self.config.version,
        }
        return {"parameters": [version], **item}

    def _ref(self, kind: str, name: str) -> Node:
        return _ref(kind, f"{self.name}.{name}")

    def schemas(self) -> Node:
        schemas = {
            "Prediction": self._object(self._outputs(self.config.protocols.v1)),
            "Instances": self._instances(),
        }
        if self.config.protocols.v2:
            schemas["InferenceRequest"] = self._inference_request()
            schemas["InferenceResponse"] = self._inference_response()
        if self.config.explanation:
            names = [*self.config.protocols.v1, *self.config.explanation.outputs]
            schemas["Explanation"] = self._object({name: self.explained[name] for name in names})
        return {f"{self.name}.{name}": schema for name, schema in schemas.items()}

    def _outputs(self, names: Sequence[str]) -> dict[str, Output]:
        return {name: self.config.outputs[name] for name in names}

    def _object(self, outputs: Mapping[str, Output]) -> Node:
        """Return the schema of the JSON object for one input; the sample's response gives its examples."""
        return _strict({name: self._output(name, output) for name, output in outputs.items()})

    def _output(self, name: str, output: Output) -> Node:
        leaf = dict(OUTPUT_SCHEMAS[output.datatype])
        leaf |= _without_none(minimum=output.minimum, maximum=output.maximum)
        description = output.description
        if name == self.config.label_output:
            labels = self.config.labels
            leaf |= {"minimum": 0, "maximum": len(labels) - 1}
            if labels != tuple(map(str, range(len(labels)))):
                meaning = ", ".join(f"{i} {label}" for i, label in enumerate(labels))
                description = f"{description or 'the index of the label'}: {meaning}"
        schema = _nested(output.shape, leaf)
        if name in self.config.sample.response:
            schema["examples"] = [self.config.sample.response[name]]
        return {"description": description, **schema} if description else schema

    def _instances(self) -> Node:
        spec = self.config.input
        kinds = [_file_schema()] if spec.encoded else []
        instances = {"type": "array", "minItems": 1, "maxItems": spec.max_count,
                     "items": _any_of([*kinds, *(_nested(shape, _number(spec)) for shape in spec.shapes)])}  # fmt: skip
        return {"type": "object", "required": ["instances"], "properties": {"instances": instances}}

    def _inference_request(self) -> Node:
        spec = self.config.input
        shapes = " or ".join(f"[{', '.join(map(str, ['n', *shape]))}]" for shape in spec.shapes)
        tensor = {
            "type": "object",
            "required": ["shape", "datatype", "data"],
            "properties": {
                "name": {},
                "shape": {
                    "description": f"{shapes}{'; of BYTES [n]' if spec.encoded else ''}; -1 stands for any n",
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 1 + max(map(len, spec.shapes)),
                    "items": {"type": "integer", "minimum": -1},
                },
                "datatype": {"enum": spec.datatypes, **_datatypes_description(spec)},
                "data": {"description": "flat or nested", "type": "array", "minItems": 1},
            },
        }
        outputs = {
            "description": "The requested output tensors; all of them if none is named.",
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"enum": list(self._tensors())}},
            },
        }
        return {
            "description": "The Open Inference Protocol (V2), one tensor.",
            "type": "object",
            "required": ["inputs"],
            "properties": {
                "id": {"type": ["string", "null"]},
                "inputs": {"type": "array", "minItems": 1, "maxItems": 1, "items": tensor},
                "outputs": outputs,
            },
        }

    def _inference_response(self) -> Node:
        tensors = self._tensors()
        datatypes = sorted({output.datatype for output in tensors.values()})
        values = sorted({"string" if datatype == "BYTES" else "number" for datatype in datatypes})
        tensor = _strict({
            "name": {"enum": list(tensors)},
            "datatype": {"enum": datatypes},
            "shape": {"type": "array", "items": {"type": "integer"}},
            "data": {"description": "flat", "type": "array", "items": {"type": values}},
        })  # fmt: skip
        return _strict({
            "model_name": {"const": self.name},
            "model_version": {"type": "string"},
            "id": {"type": "string", "description": "The request's id, else TorchServe's request id"},
            "outputs": {"type": "array", "items": tensor},
        })  # fmt: skip

    def _tensors(self) -> dict[str, Output]:
        explained = self.config.explanation.outputs if self.config.explanation else {}
        return {**self._outputs(self.config.protocols.v2), **explained}

    def request_bodies(self) -> Node:
        spec, protocols = self.config.input, self.config.protocols
        limits = f"Up to 8 MiB and {spec.max_count:,} inputs. "
        v1, v2 = _ref("schemas", f"{self.name}.Instances"), _ref("schemas", f"{self.name}.InferenceRequest")
        json_of = {
            "InputsV1": ([v1] if protocols.v1 else [], ["instances"]),
            "InputsV2": ([v2] if protocols.v2 else [], ["tensor"]),
        }
        bodies = {
            name: {"required": True, "description": limits.strip(), "content": {"application/json": self._json(*of)}}
            for name, of in json_of.items()
            if of[0]
        }
        accepted = [schema for schemas, _ in json_of.values() for schema in schemas]
        content: Node = {}
        if spec.encoded:
            limits += (
                f"A file is {spec.encoded}. `application/x-www-form-urlencoded`, curl's default, is taken as a file. "
            )
            content |= {content_type: {"schema": _binary()} for content_type in self._file_types()}
            files = {"type": "object", "minProperties": 1, "additionalProperties": _binary()}
            description = "Files, each under its own field name; of parts with the same name only the last is used."
            content["multipart/form-data"] = {"schema": {"description": description, **files}}
        if protocols.npy:
            shapes = " or ".join(f"[{', '.join(map(str, ['n', *shape]))}]" for shape in spec.shapes)
            description = f"A {NUMPY_TYPES[spec.type]} array {shapes} in the format of numpy.save."
            content["application/x-npy"] = {"schema": {"description": description, **_binary()}}
        content["application/json"] = self._json(accepted, ["instances", "tensor"])
        bodies["Inputs"] = {"required": True, "description": limits.strip(), "content": content}
        return {f"{self.name}.{name}": body for name, body in bodies.items()}

    def _file_types(self) -> list[str]:
        """Return the content types of files: all of the sample's kind, such as image/*, and the type of any file."""
        guessed = mimetypes.guess_type(self.config.sample.request)[0] or ""
        kind = guessed.partition("/")[0]
        return [*([f"{kind}/*"] if kind in ("image", "audio", "video") else []), "application/octet-stream"]

    def _json(self, schemas: Sequence[Node], names: Sequence[str]) -> Node:
        known = self._examples()
        examples = {name: {"value": known[name]} for name in names if name in known}
        return {"schema": _any_of(schemas), **({"examples": examples} if examples else {})}

    def _examples(self) -> Node:
        """Return the sample request as JSON in each protocol that can express it."""
        path, spec = self.config.sample_request, self.config.input
        if not path.is_file() or path.stat().st_size > MAX_EXAMPLE_BYTES:
            return {}
        if path.suffix != ".json":
            text = base64.b64encode(path.read_bytes()).decode()
            tensor = {"name": spec.name, "shape": [1], "datatype": "BYTES", "data": [text]}
            return {"instances": {"instances": [{"b64": text}]}, "tensor": {"id": "42", "inputs": [tensor]}}
        sample = json.loads(path.read_bytes())
        if "instances" not in sample:
            return {"tensor": sample}
        examples = {"instances": sample}
        instances = sample["instances"]
        if all(_shape(instance) in spec.shapes for instance in instances):
            shape = [len(instances), *_shape(instances[0])]
            tensor = {"name": spec.name, "shape": shape, "datatype": TENSOR_TYPES[spec.type], "data": instances}
            examples["tensor"] = {"id": "42", "inputs": [tensor]}
        return examples

    def responses(self) -> Node:
        protocols = self.config.protocols
        one = _ref("schemas", f"{self.name}.Prediction")
        tensors = _ref("schemas", f"{self.name}.InferenceResponse")
        forms = [*([one] if self.config.input.encoded else []), _list_of(one), *([tensors] if protocols.v2 else [])]
        description = "A list of predictions, one for each input in order; tensors for tensors."
        if self.config.input.encoded:
            description = "One object for one file. " + description
        content = {"application/json": {"schema": _any_of(forms)}}
        if protocols.npy:
            description += f" `.npy` with `Accept: application/x-npy` gets {protocols.npy[0]} as `.npy`."
            content["application/x-npy"] = {"schema": _binary()}
        responses: Node = {"Predictions": {"description": description, "content": content}}
        if protocols.v1:
            schema = {"application/json": {"schema": _list_of(one)}}
            responses["PredictionsV1"] = {
                "description": "One prediction for each instance, in order.",
                "content": schema,
            }
        if protocols.v2:
            responses["PredictionsV2"] = {
                "description": "Tensors.",
                "content": {"application/json": {"schema": tensors}},
            }
        if self.config.explanation:
            explained = _ref("schemas", f"{self.name}.Explanation")
            forms = [explained, _list_of(explained), *([tensors] if protocols.v2 else [])]
            names = ", ".join(self.config.explanation.outputs)
            description = f"Predictions with {names} for each input; always JSON."
            content = {"application/json": {"schema": _any_of(forms)}}
            responses["Explanations"] = {"description": description, "content": content}
        return {f"{self.name}.{name}": response for name, response in responses.items()}


def _service_paths() -> Node:
    too_many, no_server = _ref("responses", "TooMany"), _ref("responses", "NoServer")
    ready = _strict({"status": {"const": "ready"}, "servers": {"type": "integer", "minimum": 1}})
    example = {"ready": {"value": {"status": "ready", "servers": 1}}}

    def operation(name: str, summary: str, responses: Node) -> Node:
        return {"operationId": name, "tags": ["service"], "summary": summary, "security": [], "responses": responses}

    health = "The number of servers that are ready: each answers the sample requests of its models right."
    this = "This document."
    bare = {"200": {"description": "OpenAPI 3.1."}, "429": {"description": "Too many requests."}}
    return {
        "/health": {
            "get": operation("health", health, {
                "200": {"description": "Servers are ready.",
                        "content": {"application/json": {"schema": ready, "examples": example}}},
                "429": too_many, "503": no_server,
            }),
            "head": operation("health_head", health, {
                "200": {"description": "Servers are ready."}, "429": {"description": "Too many requests."},
                "503": {"description": "No server is ready."},
            }),
        },
        "/openapi.yaml": {
            "get": operation("openapi", this, {
                "200": {"description": "OpenAPI 3.1.",
                        "content": {"application/yaml": {"schema": {"type": "object"}}}},
                "429": too_many,
            }),
            "head": operation("openapi_head", this, bare),
        },
    }  # fmt: skip


def _error(status: str) -> Node:
    _, description, sentence = ERRORS[status]
    headers = {"Retry-After": {"description": "Seconds", "required": True, "schema": {"type": "integer", "minimum": 1}}}
    content = {"schema": _ref("schemas", "Error"), "examples": {"error": {"value": {"error": sentence}}}}
    return {
        "description": description,
        **({"headers": headers} if status in RETRIED else {}),
        "content": {"application/json": content},
    }


def _error_schema() -> Node:
    sentence = "One sentence that names the fault and the accepted input."
    detail = "TorchServe's own message about a multipart form that it cannot parse."
    return {
        "type": "object",
        "required": ["error"],
        "additionalProperties": False,
        "properties": {
            "error": {"type": "string", "minLength": 1, "description": sentence},
            "detail": {"type": "string", "description": detail},
        },
    }


def _file_schema() -> Node:
    """Return the schema of one file among the instances."""
    text = {"type": "string", "contentEncoding": "base64", "minLength": 1}
    wrapped = {"type": "object", "required": ["b64"], "properties": {"b64": text}}
    names = ("data", "b64", "image_bytes")
    return {
        "description": (
            "A file in base64, with or without line breaks and the prefix of a `data:` URL, under one of three names; "
            f"of several, the first in the order {', '.join(names)} counts."
        ),
        "type": "object",
        "anyOf": [{"required": [name]} for name in names],
        "properties": {name: _any_of([text, wrapped]) for name in names},
    }


def _number(spec: Input) -> Node:
    if spec.type == "pixels":
        description = "integers from 0 to 255, or numbers from 0 to 1 throughout"
        return {"type": "number", "minimum": 0, "maximum": 255, "description": description}
    limits = _without_none(minimum=spec.minimum, maximum=spec.maximum)
    return {"type": spec.type, **limits}


def _datatypes_description(spec: Input) -> Node:
    if spec.type != "pixels":
        return {}
    return {"description": "UINT8: 0 to 255; FP32: 0 to 1" + ("; BYTES: files in base64" if spec.encoded else "")}


def _nested(shape: Sequence[int], leaf: Node) -> Node:
    """Return the schema of lists in lists of a shape, with `leaf` in the innermost; a new object each time."""
    schema = dict(leaf)
    for size in reversed(shape):
        schema = {"type": "array", "minItems": size, "maxItems": size, "items": schema}
    return schema


def _shape(value: Any) -> tuple[int, ...]:
    """Return the shape of lists in lists, by the first of each."""
    return (len(value), *_shape(value[0])) if isinstance(value, list) and value else ()


def _strict(properties: Node) -> Node:
    return {
        "type": "object",
        "required": list(properties),
        "additionalProperties": False,
        "properties": properties,
    }


def _list_of(schema: Node) -> Node:
    return _strict({"predictions": {"type": "array", "minItems": 1, "items": schema}})


def _any_of(schemas: Sequence[Node]) -> Node:
    return dict(schemas[0]) if len(schemas) == 1 else {"anyOf": list(schemas)}


def _binary() -> Node:
    return {"type": "string", "format": "binary"}


def _ref(kind: str, name: str) -> Node:
    return {"$ref": f"#/components/{kind}/{name}"}


def _without_none(**values: float | None) -> Node:
    """Return the values that are set, whole numbers as integers."""
    return {name: int(v) if float(v).is_integer() else v for name, v in values.items() if v is not None}


def _merge(mappings: Any) -> Node:
    return {name: value for mapping in mappings for name, value in mapping.items()}


if __name__ == "__main__":
    sys.stdout.write(to_yaml(config.load_all()))
