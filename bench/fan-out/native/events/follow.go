// Package events reads outbound as every contender of the bench does: all partitions, from their ends on.
package events

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// maxWait is what kafka.maxWaitMs is by default.
const maxWait = 100 * time.Millisecond

// Follow hands each fetch's events over, in order, until ctx ends. positioned is called once nothing that is written from then on is missed.
func Follow(ctx context.Context, brokers []string, topic string, positioned func(), onFetch func([]Event)) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.FetchMaxWait(maxWait), kgo.FetchMinBytes(1))
	if err != nil {
		return err
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, topic)
	if err != nil {
		return err
	}
	if err := ends.Error(); err != nil {
		return err
	}
	offsets := map[int32]kgo.Offset{}
	ends.Each(func(end kadm.ListedOffset) { offsets[end.Partition] = kgo.NewOffset().At(end.Offset) })
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: offsets})
	positioned()
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		for _, failed := range fetches.Errors() {
			return fmt.Errorf("partition %d: %w", failed.Partition, failed.Err)
		}
		var events []Event
		var failure error
		fetches.EachRecord(func(record *kgo.Record) {
			event, isEvent, err := decode(record.Value)
			if err != nil {
				failure = err
			}
			if !isEvent {
				return
			}
			event.Partition, event.Offset = record.Partition, record.Offset
			events = append(events, event)
		})
		if failure != nil {
			return failure
		}
		onFetch(events)
	}
}
