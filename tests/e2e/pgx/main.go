// A client on pgx: what Go programs do with a PostgreSQL server. Takes a connection string; prints one
// PASS or FAIL line per test. Run by clients_test.py.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

var failures int

func test(name string, body func() error) {
	if err := body(); err != nil {
		failures++
		fmt.Printf("FAIL pgx: %s\n    %s\n", name, strings.ReplaceAll(err.Error(), "\n", "\n    "))
		return
	}
	fmt.Printf("PASS pgx: %s\n", name)
}

func expect(got, want any) error {
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("got %#v, want %#v", got, want)
	}
	return nil
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Sends a value of a type through the server and back, in the binary format pgx prefers.
func roundTrip[T any](ctx context.Context, conn *pgx.Conn, sqlType string, value T) error {
	var back T
	if err := conn.QueryRow(ctx, "SELECT $1::"+sqlType, value).Scan(&back); err != nil {
		return fmt.Errorf("%s: %w", sqlType, err)
	}
	if when, ok := any(value).(time.Time); ok {
		if !when.Equal(any(back).(time.Time)) {
			return fmt.Errorf("%s: got %v, want %v", sqlType, back, value)
		}
		return nil
	}
	if err := expect(back, value); err != nil {
		return fmt.Errorf("%s: %w", sqlType, err)
	}
	return nil
}

func types(ctx context.Context, conn *pgx.Conn) error {
	return first(
		roundTrip(ctx, conn, "bool", true),
		roundTrip(ctx, conn, "int2", int16(-32768)),
		roundTrip(ctx, conn, "int4", int32(2147483647)),
		roundTrip(ctx, conn, "int8", int64(-9223372036854775808)),
		roundTrip(ctx, conn, "float4", float32(1.5)),
		roundTrip(ctx, conn, "float8", 0.1),
		roundTrip(ctx, conn, "text", "gr\u00fc\u00dfe"),
		roundTrip(ctx, conn, "bytea", []byte{0, 1, 255}),
		roundTrip(ctx, conn, "date", time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)),
		roundTrip(ctx, conn, "timestamp", time.Date(1999, 12, 31, 23, 59, 59, 999999000, time.UTC)),
		roundTrip(ctx, conn, "timestamptz", time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)),
		roundTrip(ctx, conn, "interval", pgtype.Interval{Months: 1, Days: -2, Microseconds: 3, Valid: true}),
		roundTrip(ctx, conn, "uuid", [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}),
		roundTrip(ctx, conn, "jsonb", map[string]any{"a": []any{1.0, nil, "x"}}),
		roundTrip(ctx, conn, "int4[]", []int32{1, 2, 3}),
		roundTrip(ctx, conn, "text[]", []string{"a", "", "b c"}),
		roundTrip[*int32](ctx, conn, "int4", nil),
	)
}

func numeric(ctx context.Context, conn *pgx.Conn) error {
	var number pgtype.Numeric
	if err := conn.QueryRow(ctx, "SELECT 12345678901234567890.123::numeric").Scan(&number); err != nil {
		return err
	}
	text, err := number.Value()
	if err != nil {
		return err
	}
	return expect(text, "12345678901234567890.123")
}

func transaction(ctx context.Context, conn *pgx.Conn) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	if _, err = tx.Exec(ctx, "INSERT INTO pgx_t VALUES (100, 'gone')"); err != nil {
		return err
	}
	if err = tx.Rollback(ctx); err != nil {
		return err
	}
	tag, err := conn.Exec(ctx, "INSERT INTO pgx_t VALUES ($1, $2), ($3, $4)", 1, "a", 2, "b")
	if err != nil {
		return err
	}
	rows, err := conn.Query(ctx, "SELECT id, name FROM pgx_t ORDER BY id")
	if err != nil {
		return err
	}
	type row struct {
		ID   int64
		Name string
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	if err != nil {
		return err
	}
	return first(expect(tag.String(), "INSERT 0 2"), expect(all, []row{{1, "a"}, {2, "b"}}))
}

func batch(ctx context.Context, conn *pgx.Conn) error {
	batch := &pgx.Batch{}
	for i := 10; i < 20; i++ {
		batch.Queue("INSERT INTO pgx_t VALUES ($1, $2)", i, fmt.Sprint("n", i))
	}
	batch.Queue("SELECT count(*) FROM pgx_t WHERE id >= 10")
	results := conn.SendBatch(ctx, batch)
	for i := 10; i < 20; i++ {
		if _, err := results.Exec(); err != nil {
			results.Close()
			return err
		}
	}
	var count int64
	if err := results.QueryRow().Scan(&count); err != nil {
		results.Close()
		return err
	}
	return first(expect(count, int64(10)), results.Close())
}

func copyFrom(ctx context.Context, conn *pgx.Conn) error {
	rows := [][]any{{int64(30), "x"}, {int64(31), nil}}
	count, err := conn.CopyFrom(ctx, pgx.Identifier{"pgx_t"}, []string{"id", "name"}, pgx.CopyFromRows(rows))
	if err != nil {
		return err
	}
	var missing int64
	err = conn.QueryRow(ctx, "SELECT count(*) FROM pgx_t WHERE id >= 30 AND name IS NULL").Scan(&missing)
	return first(err, expect(count, int64(2)), expect(missing, int64(1)))
}

func sqlstate(ctx context.Context, conn *pgx.Conn) error {
	var pgErr *pgconn.PgError
	_, err := conn.Exec(ctx, "SELECT nosuch FROM pgx_t")
	if !errors.As(err, &pgErr) {
		return fmt.Errorf("not a server error: %v", err)
	}
	return first(expect(pgErr.Code, "42703"), expect(pgErr.Position, int32(8)))
}

func cancel(ctx context.Context, conn *pgx.Conn) error {
	short, stop := context.WithTimeout(ctx, 300*time.Millisecond)
	defer stop()
	_, err := conn.Exec(short, "SELECT count(*) FROM generate_series(1, 10000000000)")
	if err == nil {
		return errors.New("the statement was not cancelled")
	}
	return nil
}

func main() {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, os.Args[1])
	if err != nil {
		fmt.Printf("FAIL pgx: connect: %v\n", err)
		os.Exit(1)
	}
	test("types go through and back", func() error { return types(ctx, conn) })
	test("a wide numeric keeps its digits", func() error { return numeric(ctx, conn) })
	test("create table", func() error {
		_, err := conn.Exec(ctx, "CREATE TABLE pgx_t (id bigint PRIMARY KEY, name text)")
		return err
	})
	test("rollback leaves nothing, commit all", func() error { return transaction(ctx, conn) })
	test("a batch is a pipeline", func() error { return batch(ctx, conn) })
	test("binary COPY", func() error { return copyFrom(ctx, conn) })
	test("an error has SQLSTATE and position", func() error { return sqlstate(ctx, conn) })
	test("a deadline cancels the statement", func() error { return cancel(ctx, conn) })
	if failures > 0 {
		os.Exit(1)
	}
}
