package events

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strconv"
)

// Event is what members get of an outbound record (schemas/outbound-event.avsc).
type Event struct {
	Partition int32
	Offset    int64
	Room      string
	Seq       int64
	Time      int64
	User      string
	Name      string
	// Data is JSON text, a slice of the record.
	Data []byte
}

// headerBytes: magic byte and schema id, see schemas/wire.ts.
const headerBytes = 5

var errShort = errors.New("an outbound record ends too early")

// reader reads Avro's binary encoding: zigzag varints, length-prefixed bytes, unions by the index of their branch.
type reader struct {
	bytes []byte
	err   error
}

func (r *reader) long() int64 {
	value, size := binary.Varint(r.bytes)
	if size <= 0 {
		r.err = errShort
		r.bytes = nil
		return 0
	}
	r.bytes = r.bytes[size:]
	return value
}

func (r *reader) slice() []byte {
	length := r.long()
	if length < 0 || length > int64(len(r.bytes)) {
		r.err = errShort
		return nil
	}
	value := r.bytes[:length]
	r.bytes = r.bytes[length:]
	return value
}

// decode reads an event; false for records of other kinds.
func decode(record []byte) (Event, bool, error) {
	if len(record) < headerBytes {
		return Event{}, false, errShort
	}
	r := reader{bytes: record[headerBytes:]}
	for range 4 { // epoch, inbound, prevInbound, inboundTime
		r.long()
	}
	if claim := r.long(); claim != 0 {
		return Event{}, false, r.err
	}
	if event := r.long(); event == 0 {
		return Event{}, false, r.err
	}
	var one Event
	one.Room = string(r.slice())
	one.Seq = r.long()
	one.Time = r.long()
	r.long() // prev
	one.User = string(r.slice())
	if r.long() != 0 { // session
		r.slice()
	}
	if r.long() != 0 { // pub
		r.long()
	}
	for range 2 { // key, origin
		if r.long() != 0 {
			r.slice()
		}
	}
	one.Name = string(r.slice())
	if r.long() != 0 { // contentType
		r.slice()
	}
	one.Data = r.slice()
	return one, r.err == nil, r.err
}

// AppendFrame appends the event frame that Roomlog sends, byte for byte but for two of the cursor's bytes.
func (e *Event) AppendFrame(to []byte) []byte {
	to = append(to, `{"type":"event","room":`...)
	to = strconv.AppendQuote(to, e.Room)
	to = append(to, `,"seq":`...)
	to = strconv.AppendInt(to, e.Seq, 10)
	to = append(to, `,"cursor":"`...)
	var cursor [24]byte
	binary.BigEndian.PutUint16(cursor[:], 0)
	end := 2 + binary.PutUvarint(cursor[2:], uint64(e.Offset+1))
	end += binary.PutUvarint(cursor[end:], uint64(e.Seq))
	to = base64.RawURLEncoding.AppendEncode(to, cursor[:end])
	to = append(to, `","time":`...)
	to = strconv.AppendInt(to, e.Time, 10)
	to = append(to, `,"user":`...)
	to = strconv.AppendQuote(to, e.User)
	to = append(to, `,"event":`...)
	to = strconv.AppendQuote(to, e.Name)
	to = append(to, `,"data":`...)
	to = append(to, e.Data...)
	return append(to, '}')
}
