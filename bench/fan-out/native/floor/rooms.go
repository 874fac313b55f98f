package main

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"sync"
	"syscall"
)

// RFC 6455, section 1.3.
const acceptMagic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// member is one connection. A write that the kernel doesn't take whole is finished by a goroutine, so that nobody waits for it.
type member struct {
	conn   net.Conn
	fd     int
	behind sync.Mutex
	queue  []byte
	busy   bool
}

type rooms struct {
	lock    sync.Mutex
	members map[string][]*member
}

func newRooms() *rooms { return &rooms{members: map[string][]*member{}} }

// appendText appends a whole, unmasked text message.
func appendText(to, payload []byte) []byte {
	switch length := len(payload); {
	case length < 126:
		to = append(to, 0x81, byte(length))
	case length <= 0xffff:
		to = append(to, 0x81, 126)
		to = binary.BigEndian.AppendUint16(to, uint16(length))
	default:
		to = append(to, 0x81, 127)
		to = binary.BigEndian.AppendUint64(to, uint64(length))
	}
	return append(to, payload...)
}

func (r *rooms) writeAll(room string, framed []byte) {
	if len(framed) == 0 {
		return
	}
	r.lock.Lock()
	defer r.lock.Unlock()
	for _, one := range r.members[room] {
		one.write(framed)
	}
}

func (m *member) write(framed []byte) {
	m.behind.Lock()
	defer m.behind.Unlock()
	if m.busy {
		m.queue = append(m.queue, framed...)
		return
	}
	written, err := syscall.Write(m.fd, framed)
	if err != nil && err != syscall.EAGAIN {
		return // Its reader learns of it too.
	}
	if written = max(written, 0); written < len(framed) {
		m.queue = append([]byte{}, framed[written:]...)
		m.busy = true
		go m.catchUp()
	}
}

func (m *member) catchUp() {
	for {
		m.behind.Lock()
		queue := m.queue
		m.queue = nil
		if len(queue) == 0 {
			m.busy = false
			m.behind.Unlock()
			return
		}
		m.behind.Unlock()
		if _, err := m.conn.Write(queue); err != nil {
			return
		}
	}
}

// accept makes a connection a member of the room that its URL names.
func (r *rooms) accept(response http.ResponseWriter, request *http.Request) {
	room := request.URL.Query().Get("room")
	sum := sha1.Sum([]byte(request.Header.Get("Sec-WebSocket-Key") + acceptMagic))
	conn, _, err := http.NewResponseController(response).Hijack()
	if err != nil {
		return
	}
	fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:]))
	one := &member{conn: conn}
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { one.fd = int(fd) })
	r.lock.Lock()
	r.members[room] = append(r.members[room], one)
	r.lock.Unlock()
	// Members say nothing that matters; the read ends when they go.
	buffer := make([]byte, 512)
	for {
		if _, err := conn.Read(buffer); err != nil {
			break
		}
	}
	r.leave(room, one)
	_ = conn.Close()
}

func (r *rooms) leave(room string, gone *member) {
	r.lock.Lock()
	defer r.lock.Unlock()
	all := r.members[room]
	for index, one := range all {
		if one == gone {
			r.members[room] = append(all[:index], all[index+1:]...)
			return
		}
	}
}
