// The native floor of the fan-out bench: no rooms' logic, no authentication, no order to prove, no slow clients' policy. It reads the topic,
// frames the events of a flush window once, and hands the same bytes to every connection's descriptor by one system call each.
//
//	floor ADDRESS TOPIC WINDOW BROKERS     127.0.0.1:7000 roomlog.outbound 20ms 127.0.0.1:9092,127.0.0.1:9093
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"roomlog.example/bench/fan-out/native/events"
)

func main() {
	if len(os.Args) != 5 {
		log.Fatal("usage: floor ADDRESS TOPIC WINDOW BROKERS")
	}
	window, err := time.ParseDuration(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	rooms := newRooms()
	fetched := make(chan []events.Event, 16)
	go write(ctx, rooms, window, fetched)
	http.HandleFunc("/", rooms.accept)
	go func() { log.Fatal(http.ListenAndServe(os.Args[1], nil)) }()
	err = events.Follow(ctx, strings.Split(os.Args[4], ","), os.Args[2],
		func() { fmt.Println("ready") },
		func(some []events.Event) { fetched <- some })
	if err != nil {
		log.Fatal(err)
	}
}

// write joins what comes within a window, which begins with the flush before it: in a quiet room nothing waits.
func write(ctx context.Context, rooms *rooms, window time.Duration, fetched <-chan []events.Event) {
	pending := map[string][]byte{}
	var scratch []byte
	var flushedAt time.Time
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	isWaiting := false
	flush := func() {
		isWaiting = false
		flushedAt = time.Now()
		for room, framed := range pending {
			rooms.writeAll(room, framed)
			pending[room] = framed[:0]
		}
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			flush()
		case some := <-fetched:
			for index := range some {
				scratch = some[index].AppendFrame(scratch[:0])
				pending[some[index].Room] = appendText(pending[some[index].Room], scratch)
			}
			if isWaiting || len(some) == 0 {
				continue
			}
			if wait := window - time.Since(flushedAt); wait > 0 {
				isWaiting = true
				timer.Reset(wait)
			} else {
				flush()
			}
		}
	}
}
