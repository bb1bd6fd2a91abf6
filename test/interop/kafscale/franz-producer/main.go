// Produces the steps on stdin with franz-go and writes one line per record, in order, when its batch is answered.
// Steps and answers are the JSON lines that clients.ts describes. Arguments: bootstrap, codec.
// Records between two flushes go out as one batch per partition.
// With the arguments consume, bootstrap, topic, count, bytes of one fetch it reads the first records of partition 0 instead, one line each.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

type step struct {
	PauseMs   int64    `json:"pauseMs"`
	Flush     bool     `json:"flush"`
	Grow      int32    `json:"growTo"` // gives the topic so many partitions
	Topic     string   `json:"topic"`
	Partition int32    `json:"partition"`
	Timestamp int64    `json:"timestamp"`
	Key       []byte   `json:"key"` // base64 in JSON; null stays nil
	Value     []byte   `json:"value"`
	Headers   []header `json:"headers"`
}

type header struct {
	key   string
	value []byte
}

func (h *header) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, &[]any{&h.key, &h.value})
}

type answer struct {
	Client    string `json:"client,omitempty"`
	Partition *int32 `json:"partition,omitempty"`
	Offset    *int64 `json:"offset,omitempty"`
	Error     string `json:"error,omitempty"`
}

var codecs = map[string]kgo.CompressionCodec{
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

func main() {
	run := func() error { return produce(os.Args[1], os.Args[2]) }
	if os.Args[1] == "consume" {
		run = func() error { return consume(os.Args[2], os.Args[3], os.Args[4], os.Args[5]) }
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "franz-producer:", err)
		os.Exit(1)
	}
}

func produce(bootstrap, codec string) error {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(bootstrap),
		kgo.ProducerBatchCompression(codecs[codec]),
		kgo.AllowAutoTopicCreation(),
		// The broker has no InitProducerId; without retries a failed flush stays failed.
		kgo.DisableIdempotentWrite(),
		kgo.RecordRetries(0),
		kgo.MaxProduceRequestsInflightPerBroker(1),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ManualFlushing(),
		kgo.MaxBufferedRecords(1<<20),
		kgo.ProducerBatchMaxBytes(4<<20),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(answer{Client: "franz-go " + version()}); err != nil {
		return err
	}
	var sent []*answer
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var s step
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			return err
		}
		switch {
		case s.PauseMs > 0:
			time.Sleep(time.Duration(s.PauseMs) * time.Millisecond)
		case s.Flush:
			if err := client.Flush(context.Background()); err != nil {
				return err
			}
			for _, a := range sent {
				if err := out.Encode(a); err != nil {
					return err
				}
			}
			sent = nil
		case s.Grow > 0:
			if err := grow(client, s.Topic, s.Grow); err != nil {
				return err
			}
		default:
			a := &answer{}
			sent = append(sent, a)
			client.Produce(context.Background(), record(s), func(r *kgo.Record, err error) {
				if err != nil {
					a.Error = err.Error()
					return
				}
				a.Partition, a.Offset = &r.Partition, &r.Offset
			})
		}
	}
	return lines.Err()
}

type consumed struct {
	Offset    int64   `json:"offset"`
	Timestamp int64   `json:"timestamp"`
	Key       []byte  `json:"key"`
	Value     []byte  `json:"value"`
	Headers   [][]any `json:"headers"`
}

func consume(bootstrap, topic, countText, fetchText string) error {
	count, err := strconv.Atoi(countText)
	if err != nil {
		return err
	}
	fetchBytes, err := strconv.ParseInt(fetchText, 10, 32)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(bootstrap),
		kgo.FetchMaxPartitionBytes(int32(fetchBytes)),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(answer{Client: "franz-go " + version()}); err != nil {
		return err
	}
	for seen := 0; seen < count; {
		fetches := client.PollFetches(context.Background())
		if errs := fetches.Errors(); len(errs) > 0 {
			return errs[0].Err
		}
		for _, r := range fetches.Records() {
			headers := [][]any{}
			for _, h := range r.Headers {
				headers = append(headers, []any{h.Key, h.Value})
			}
			if err := out.Encode(consumed{r.Offset, r.Timestamp.UnixMilli(), r.Key, r.Value, headers}); err != nil {
				return err
			}
			seen++
		}
	}
	return nil
}

func grow(client *kgo.Client, name string, count int32) error {
	topic := kmsg.NewCreatePartitionsRequestTopic()
	topic.Topic, topic.Count = name, count
	request := kmsg.NewPtrCreatePartitionsRequest()
	request.Topics = append(request.Topics, topic)
	response, err := request.RequestWith(context.Background(), client)
	if err != nil {
		return err
	}
	for _, t := range response.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return fmt.Errorf("%d partitions for topic %s: %w", count, name, err)
		}
	}
	return nil
}

func record(s step) *kgo.Record {
	r := &kgo.Record{
		Topic: s.Topic, Partition: s.Partition, Timestamp: time.UnixMilli(s.Timestamp), Key: s.Key, Value: s.Value,
	}
	for _, h := range s.Headers {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.key, Value: h.value})
	}
	return r
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if dep.Path == "github.com/twmb/franz-go" {
				return dep.Version
			}
		}
	}
	return "unknown"
}
