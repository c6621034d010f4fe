"""Prices: the dated table, and the Price List API in front of it, stubbed at botocore's edge."""

import json
import threading

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from sagewizard.aws.prices import COMPONENTS, TABLE, LivePrices, TablePrices
from sagewizard.target import Price

DAY = 86_400.0
START = 1_795_219_200.0  # 2026-11-21 00:00 UTC


class FixedClock:
    def __init__(self):
        self.time = START

    def now(self):
        return self.time

    def monotonic(self):
        return self.time

    def wait(self, cancel: threading.Event, seconds: float):
        self.time += seconds
        return cancel.is_set()


@pytest.fixture
def clock():
    return FixedClock()


@pytest.fixture
def client():
    return boto3.client(
        "pricing", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )


@pytest.fixture
def stub(client):
    with Stubber(client) as stubber:
        yield stubber


def product(
    usd="0.25", *, name="ml.m5.xlarge", component="Training", kind=None, region="eu-west-1", unit="Hrs"
):
    return json.dumps(
        {
            "product": {
                "attributes": {
                    "regionCode": region,
                    "instanceName": name,
                    "instanceType": kind or f"{name}-{component}",
                    "component": component,
                }
            },
            "terms": {
                "OnDemand": {
                    "A.B": {"priceDimensions": {"A.B.C": {"unit": unit, "pricePerUnit": {"USD": usd}}}}
                }
            },
        }
    )


def request(component="Training", **more):
    wanted = [("regionCode", "eu-west-1"), ("instanceName", "ml.m5.xlarge"), ("component", component)]
    return {
        "ServiceCode": "AmazonSageMaker",
        "Filters": [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted],
        "MaxResults": 100,
        **more,
    }


def test_the_table_says_its_date():
    assert TablePrices().hourly("us-east-1", "ml.m5.xlarge", "Training") == Price(0.23, "table of 2026-11-20")


def test_another_region_gets_the_same_figure_and_is_told_so():
    price = TablePrices().hourly("eu-west-3", "ml.m5.xlarge", "Hosting")
    assert price == Price(
        0.23, "table of 2026-11-20; the price of us-east-1: eu-west-3 may cost more or less"
    )


def test_a_calculated_price_says_so():
    price = TablePrices().hourly("us-east-1", "ml.c4.xlarge", "Training")
    assert price == Price(0.239, "table of 2026-11-20; calculated from the EC2 price")


@pytest.mark.parametrize(
    ("kind", "component", "usd"),
    [
        ("ml.t2.medium", "Notebook", 0.0464),
        ("ml.t2.medium", "Hosting", 0.056),
        ("ml.t2.medium", "Training", None),
        ("ml.t3.medium", "Hosting", None),
        ("ml.t3.medium", "Processing", 0.05),
        ("ml.m4.xlarge", "Hosting", 0.24),
        ("ml.m5.large", "Notebook", None),
        ("ml.m5.large", "BatchTransform", 0.115),
        ("ml.c5.large", "Hosting", 0.102),
        ("ml.c5.large", "Training", None),
        ("ml.g5.xlarge", "Training", 1.408),
        ("ml.m9.xlarge", "Training", None),
    ],
)
def test_a_price_holds_only_for_the_components_it_was_read_for(kind, component, usd):
    price = TablePrices().hourly("us-east-1", kind, component)
    assert (price and price.usd_per_hour) == usd


def test_every_component_in_the_table_is_a_known_one():
    assert {c for row in TABLE.values() for c in row} <= {*COMPONENTS, "Studio-Notebook"}


def test_the_api_is_asked_once_a_day_and_its_answer_kept_on_disk(stub, client, tmp_path, clock):
    stub.add_response("get_products", {"PriceList": [product("0.2570000000")]}, request())
    prices = LivePrices(lambda: client, tmp_path / "cache", clock)
    expected = Price(0.257, "Price List API, 2026-11-21")
    assert prices.hourly("eu-west-1", "ml.m5.xlarge", "Training") == expected
    clock.time += DAY - 1
    assert prices.hourly("eu-west-1", "ml.m5.xlarge", "Training") == expected
    again = LivePrices(lambda: pytest.fail("asked again"), tmp_path / "cache", clock)
    assert again.hourly("eu-west-1", "ml.m5.xlarge", "Training") == expected
    clock.time += 1
    stub.add_response("get_products", {"PriceList": [product("0.3")]}, request())
    assert prices.hourly("eu-west-1", "ml.m5.xlarge", "Training") == Price(0.3, "Price List API, 2026-11-22")
    stub.assert_no_pending_responses()
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["prices.json"]


def test_all_pages_are_read_and_of_several_the_dearest_is_taken(stub, client, tmp_path, clock):
    free = product("9.0", kind="ml.m5.xlarge-TrainingFreeTier")
    foreign = product("8.0", component="Hosting")
    monthly = product("7.0", unit="GB-Mo")
    nothing = product("0.0000000000")
    first = {"PriceList": [product("0.2"), free, foreign, monthly, nothing], "NextToken": "n"}
    stub.add_response("get_products", first, request())
    stub.add_response("get_products", {"PriceList": [product("0.21")]}, request(NextToken="n"))
    price = LivePrices(lambda: client, tmp_path, clock).hourly("eu-west-1", "ml.m5.xlarge", "Training")
    assert price == Price(0.21, "Price List API, 2026-11-21")
    stub.assert_no_pending_responses()


def test_a_failure_falls_back_to_the_table_and_is_not_repeated_at_once(stub, client, tmp_path, clock):
    stub.add_client_error("get_products", "AccessDeniedException", "no")
    prices = LivePrices(lambda: client, tmp_path, clock)
    first = prices.hourly("eu-west-1", "ml.m5.xlarge", "Training")
    assert first is not None
    assert first.usd_per_hour == 0.23
    assert first.source == (
        "table of 2026-11-20; the price of us-east-1: eu-west-1 may cost more or less; "
        "the Price List API did not answer (AccessDeniedException)"
    )
    clock.time += 299
    assert (
        prices.hourly("eu-west-1", "ml.m5.xlarge", "Training") == first
    )  # an unstubbed call would fail otherwise
    clock.time += 1
    stub.add_response("get_products", {"PriceList": [product("0.3")]}, request())
    assert prices.hourly("eu-west-1", "ml.m5.xlarge", "Training") == Price(0.3, "Price List API, 2026-11-21")


def test_no_network_falls_back_to_the_table(tmp_path, clock):
    def fail():
        raise EndpointConnectionError(endpoint_url="https://api.pricing.us-east-1.amazonaws.com")

    price = LivePrices(fail, tmp_path, clock).hourly("us-east-1", "ml.m5.xlarge", "Training")
    assert price == Price(
        0.23, "table of 2026-11-20; the Price List API did not answer (EndpointConnectionError)"
    )


@pytest.mark.parametrize("text", ["not json", "[]", '{"product": {}}', product("dear")])
def test_an_answer_in_another_form_falls_back_to_the_table(stub, client, tmp_path, clock, text):
    stub.add_response("get_products", {"PriceList": [text]}, request())
    price = LivePrices(lambda: client, tmp_path, clock).hourly("eu-west-1", "ml.m5.xlarge", "Training")
    assert price is not None
    assert price.usd_per_hour == 0.23
    assert "in a form that is not known here" in price.source


def test_a_type_that_the_api_does_not_know_is_taken_from_the_table(stub, client, tmp_path, clock):
    stub.add_response("get_products", {"PriceList": []}, request())
    prices = LivePrices(lambda: client, tmp_path, clock)
    for _ in range(2):  # the answer is kept, so it is asked once
        price = prices.hourly("eu-west-1", "ml.m5.xlarge", "Training")
        assert price is not None
        assert price.source.endswith("the Price List API has no price for it")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"prices": 3}',
        '{"prices": {"eu-west-1 ml.m5.xlarge Training": {"at": "x", "usd": 1}}}',
        '{"prices": {"eu-west-1 ml.m5.xlarge Training": {"at": 1795219200, "usd": -1}}}',
        '{"prices": {"eu-west-1 ml.m5.xlarge Training": {"at": 1895219200, "usd": 1}}}',
    ],
)
def test_a_spoilt_cache_is_an_empty_one(stub, client, tmp_path, clock, content):
    (tmp_path / "prices.json").write_text(content)
    stub.add_response("get_products", {"PriceList": [product("0.3")]}, request())
    price = LivePrices(lambda: client, tmp_path, clock).hourly("eu-west-1", "ml.m5.xlarge", "Training")
    assert price == Price(0.3, "Price List API, 2026-11-21")


def test_a_cache_that_cannot_be_written_stops_nothing(stub, client, tmp_path, clock):
    (tmp_path / "cache").write_text("a file where a folder should be")
    stub.add_response("get_products", {"PriceList": [product("0.3")]}, request())
    prices = LivePrices(lambda: client, tmp_path / "cache", clock)
    assert prices.hourly("eu-west-1", "ml.m5.xlarge", "Training") == Price(0.3, "Price List API, 2026-11-21")
