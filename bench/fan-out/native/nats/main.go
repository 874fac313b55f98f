// NATS as a contender of the fan-out bench: nats-server with its WebSocket listener, and in the same process a bridge that publishes each
// event of the topic under its room's name. Clients subscribe to the room. No TLS, no compression, no JetStream; all else as nats-server has it.
//
//	nats ADDRESS TOPIC BROKERS     127.0.0.1:7000 roomlog.outbound 127.0.0.1:9092,127.0.0.1:9093
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"roomlog.example/bench/fan-out/native/events"
)

const readyWithin = 10 * time.Second

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: nats ADDRESS TOPIC BROKERS")
	}
	host, portText, err := net.SplitHostPort(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		log.Fatal(err)
	}
	broker, err := server.NewServer(&server.Options{
		DontListen: true,
		NoLog:      true,
		NoSigs:     true,
		Websocket:  server.WebsocketOpts{Host: host, Port: port, NoTLS: true},
	})
	if err != nil {
		log.Fatal(err)
	}
	go broker.Start()
	if !broker.ReadyForConnections(readyWithin) {
		log.Fatal("nats-server did not get ready")
	}
	defer broker.Shutdown()
	bridge, err := nats.Connect("", nats.InProcessServer(broker))
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	var scratch []byte
	err = events.Follow(ctx, strings.Split(os.Args[3], ","), os.Args[2],
		func() { fmt.Println("ready") },
		func(some []events.Event) {
			for index := range some {
				scratch = some[index].AppendFrame(scratch[:0])
				if err := bridge.Publish(some[index].Room, scratch); err != nil {
					log.Fatal(err)
				}
			}
		})
	if err != nil {
		log.Fatal(err)
	}
}
