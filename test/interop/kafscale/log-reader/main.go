// Reads one partition of a topic as the broker does: its PartitionLog restores itself from segments and indexes, and serves fetches.
// Arguments: folder (which holds <topic>/<partition>/segment-….kfs), topic, partition, bytes of one fetch.
// Writes one JSON line per record: offset, timestamp, key, value, headers; bytes as base64.
package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"

	"github.com/KafScale/platform/pkg/storage"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const namespace = "default"

type line struct {
	Offset    int64   `json:"offset"`
	Timestamp int64   `json:"timestamp"`
	Key       []byte  `json:"key"`
	Value     []byte  `json:"value"`
	Headers   [][]any `json:"headers"`
}

func main() {
	if err := read(os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, "log-reader:", err)
		os.Exit(1)
	}
}

func read(folder, topic, partitionText, fetchText string) error {
	partition, err := strconv.ParseInt(partitionText, 10, 32)
	if err != nil {
		return err
	}
	fetchBytes, err := strconv.ParseInt(fetchText, 10, 32)
	if err != nil {
		return err
	}
	ctx := context.Background()
	store, err := load(ctx, folder, topic, partitionText)
	if err != nil {
		return err
	}
	log := storage.NewPartitionLog(
		namespace, topic, int32(partition), 0, store, nil, storage.PartitionLogConfig{}, nil, nil)
	last, err := log.RestoreFromS3(ctx)
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	for next := log.EarliestOffset(); next <= last; {
		answer, err := log.Read(ctx, next, int32(fetchBytes))
		if err != nil {
			return fmt.Errorf("offset %d: %w", next, err)
		}
		after, err := printRecords(out, answer, next)
		if err != nil {
			return err
		}
		if after == next {
			return fmt.Errorf("a fetch of %d bytes at offset %d holds no whole batch with it", fetchBytes, next)
		}
		next = after
	}
	return nil
}

// Into the broker's own store in memory, under the keys that it looks for.
func load(ctx context.Context, folder, topic, partition string) (storage.S3Client, error) {
	store := storage.NewMemoryS3Client()
	names, err := filepath.Glob(filepath.Join(folder, topic, partition, "segment-*"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		body, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		key := path.Join(namespace, topic, partition, filepath.Base(name))
		put := store.UploadSegment
		if filepath.Ext(name) == ".index" {
			put = store.UploadIndex
		}
		if err := put(ctx, key, body); err != nil {
			return nil, err
		}
	}
	return store, nil
}

// Whole batches, as consumers take them: what is cut off at the end of an answer is fetched again. Returns the offset to go on from.
func printRecords(out *json.Encoder, answer []byte, next int64) (int64, error) {
	for len(answer) > 12 {
		var batch kmsg.RecordBatch
		if err := batch.ReadFrom(answer); err != nil {
			return next, nil
		}
		if batch.Attributes&7 != 0 {
			return next, errors.New("a compressed batch")
		}
		encoded := batch.Records
		for range batch.NumRecords {
			length, lengthBytes := binary.Varint(encoded)
			size := lengthBytes + int(length)
			if lengthBytes <= 0 || length < 0 || size > len(encoded) {
				return next, fmt.Errorf("batch %d: a record does not end within it", batch.FirstOffset)
			}
			var record kmsg.Record
			if err := record.ReadFrom(encoded[:size]); err != nil {
				return next, err
			}
			encoded = encoded[size:]
			offset := batch.FirstOffset + int64(record.OffsetDelta)
			if offset < next {
				continue
			}
			headers := [][]any{}
			for _, header := range record.Headers {
				headers = append(headers, []any{header.Key, header.Value})
			}
			err := out.Encode(line{
				offset, batch.FirstTimestamp + record.TimestampDelta64, record.Key, record.Value, headers,
			})
			if err != nil {
				return next, err
			}
		}
		next = batch.FirstOffset + int64(batch.LastOffsetDelta) + 1
		answer = answer[12+batch.Length:]
	}
	return next, nil
}
