"""One machine as docs/deploy.md sets it up: Prefect's database and MLflow's on PostgreSQL, leases on disk, a worker."""

from pathlib import Path

import pytest
from own_prefect import serve_prefect, work_for
from postgres import Postgres
from promoting import LAST_DAY, write_eager_shop
from test_flows.test_mlflow_server import MlflowServer

from tasks.lake import open_lake
from tasks.registry import Registry, read_champion

LEASES = "prefect.server.concurrency.lease_storage.filesystem"


@pytest.mark.long
def test_the_week_runs_by_a_worker_with_everything_on_postgresql(postgres: Postgres, tmp_path: Path) -> None:
    for database in ("prefect_server", "mlflow_server"):
        postgres.execute(f"create database {database}")
    place = postgres.url.rpartition("/")[0].removeprefix("postgresql://")
    shop, home = tmp_path / "shop", tmp_path / "prefect"
    home.mkdir()
    write_eager_shop(shop)
    mlflow = MlflowServer(f"postgresql+psycopg://{place}/mlflow_server", tmp_path / "mlflow")
    mlflow.start()
    try:
        with (shop / "segmentwerk.toml").open("r+", encoding="utf-8") as file:
            text = file.read()
            file.seek(0)
            file.write(f'mlflow_tracking_uri = "{mlflow.url}"\n{text}')
        database = f"postgresql+asyncpg://{place}/prefect_server"
        with serve_prefect(
            home,
            PREFECT_API_DATABASE_CONNECTION_URL=database,
            PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE=LEASES,
        ) as prefect:
            assert prefect.tell("deploy")["pool_made"] is True
            with work_for(prefect, folder=shop):
                run = prefect.finish(prefect.start_run("weekly-retrain/weekly", as_of=str(LAST_DAY)))
            assert run["state_type"] == "COMPLETED"
            assert prefect.examine()["healthy"] is True
        assert not (home / "prefect.db").exists()
        assert list((home / "concurrency_leases").iterdir())
        assert open_lake(str(shop / "var")).runs()["flow"].to_pylist() == ["weekly-retrain"]
        assert read_champion(Registry(mlflow.url, None)) == "1"
    finally:
        mlflow.kill()
    names = Postgres(f"postgresql://{place}/prefect_server").execute(
        "select name, state_type from flow_run where not auto_scheduled"
    )
    assert [state for _name, state in names] == ["COMPLETED"]
