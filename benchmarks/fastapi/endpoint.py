"""FastAPI + SQLAlchemy 2: the endpoint on SQLite (sync, in FastAPI's threads, as in its tutorial)
and on PostgreSQL (async, asyncpg). DATABASE is SQLAlchemy's URL."""

import os
from datetime import datetime, timezone
from typing import Annotated, Any

from fastapi import FastAPI, Query, Response
from pydantic import BaseModel, ConfigDict, PlainSerializer
from sqlalchemy import Text, create_engine, event, func, select
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.types import JSON, TypeDecorator

URL = os.environ["DATABASE"]
ON_SQLITE = URL.startswith("sqlite")


class IsoText(TypeDecorator):
    """Stores times as text, because SQLite has no type for them. The texts sort like the times."""

    impl = Text
    cache_ok = True

    def process_result_value(self, value, dialect):
        return value and datetime.fromisoformat(value)


class Base(DeclarativeBase):
    pass


Time = IsoText if ON_SQLITE else TIMESTAMP(timezone=True)


class AddressRow(Base):
    __tablename__ = "addresses"

    id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str]
    description: Mapped[str | None]
    region: Mapped[str]
    city: Mapped[str]
    country: Mapped[str]
    custom_data: Mapped[dict[str, Any] | None] = mapped_column(JSON if ON_SQLITE else JSONB)
    created_at: Mapped[datetime] = mapped_column(Time)
    updated_at: Mapped[datetime] = mapped_column(Time)


def in_milliseconds(time: datetime) -> str:
    return time.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[datetime, PlainSerializer(in_milliseconds)]


class Address(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    description: str | None
    region: str
    city: str
    country: str
    custom_data: dict[str, Any] | None
    created_at: Moment
    updated_at: Moment


class Page(BaseModel):
    customer_id: str
    addresses: list[Address]
    limit: int
    offset: int


def count(customer_id: str):
    return select(func.count()).where(AddressRow.customer_id == customer_id)


def page(customer_id: str, limit: int, offset: int):
    rows = select(AddressRow).where(AddressRow.customer_id == customer_id)
    return rows.order_by(AddressRow.id).limit(limit).offset(offset)


app = FastAPI()
Limit = Annotated[int, Query(ge=1, le=200)]
Offset = Annotated[int, Query(ge=0)]
PATH = "/v1/customers/{customer_id}/addresses"

if ON_SQLITE:
    engine = create_engine(URL, connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def tune(connection, _):
        for pragma in ("journal_mode = WAL", "mmap_size = 1073741824", "cache_size = -65536"):
            connection.execute(f"PRAGMA {pragma}")

    @app.get(PATH, response_model=Page)
    def list_addresses(
        customer_id: str, response: Response, limit: Limit = 50, offset: Offset = 0
    ):
        with Session(engine) as session:
            found = session.scalars(page(customer_id, limit, offset)).all()
            response.headers["X-Total-Count"] = str(session.scalar(count(customer_id)))
            return {
                "customer_id": customer_id, "addresses": found, "limit": limit, "offset": offset,
            }

else:
    engine = create_async_engine(URL, pool_size=8, max_overflow=0)
    sessions = async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)

    @app.get(PATH, response_model=Page)
    async def list_addresses(
        customer_id: str, response: Response, limit: Limit = 50, offset: Offset = 0
    ):
        async with sessions() as session:
            found = (await session.scalars(page(customer_id, limit, offset))).all()
            response.headers["X-Total-Count"] = str(await session.scalar(count(customer_id)))
            return {
                "customer_id": customer_id, "addresses": found, "limit": limit, "offset": offset,
            }
