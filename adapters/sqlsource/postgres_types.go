package sqlsource

import (
	"bytes"
	"encoding/hex"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// pgConverter returns how the text of a type becomes a cell.
func pgConverter(oid uint32) func([]byte) cell {
	element, ok := pgElements[oid]
	if !ok {
		return func(s []byte) cell { return pgScalar(oid, s) }
	}
	delimiter := byte(',')
	if oid == pgtype.BoxArrayOID {
		delimiter = ';'
	}
	return func(s []byte) cell {
		return array(s, delimiter, func(s []byte) cell { return pgScalar(element, s) })
	}
}

// pgElements are the types of the elements of arrays, as far as they are built in.
var pgElements = elementTypes()

func elementTypes() map[uint32]uint32 {
	elements := make(map[uint32]uint32)
	types := pgtype.NewMap()
	for oid := uint32(1); oid < 1<<13; oid++ { // beyond are the users' own
		if t, ok := types.TypeForOID(oid); ok {
			if codec, ok := t.Codec.(*pgtype.ArrayCodec); ok {
				elements[oid] = codec.ElementType.OID
			}
		}
	}
	return elements
}

func pgScalar(oid uint32, s []byte) cell {
	switch oid {
	case pgtype.BoolOID:
		return boolean(len(s) > 0 && s[0] == 't')
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.OIDOID, pgtype.NumericOID, pgtype.Float4OID, pgtype.Float8OID:
		return number(s)
	case pgtype.JSONOID, pgtype.JSONBOID:
		return cell{document, s}
	case pgtype.ByteaOID:
		if raw, ok := bytea(s); ok {
			return cell{blob, raw}
		}
		return cell{kind: unreadable}
	case pgtype.TimestampOID:
		return pgTime(s, "2006-01-02 15:04:05.999999")
	case pgtype.TimestamptzOID:
		return pgTime(s, "2006-01-02 15:04:05.999999Z07", "2006-01-02 15:04:05.999999Z07:00", "2006-01-02 15:04:05.999999Z07:00:00")
	}
	return cell{text, s}
}

// pgTime returns a time of the ISO style as RFC 3339 has it, in UTC; one without a
// zone is taken for UTC. What RFC 3339 cannot say (infinity, years before Christ)
// stays as it is.
func pgTime(s []byte, layouts ...string) cell {
	for _, layout := range layouts {
		if t, err := time.Parse(layout, string(s)); err == nil {
			return instant(t.UTC(), false)
		}
	}
	return cell{text, s}
}

// bytea reads both of its forms (section 8.4 of the manual): \x and hexadecimal digits, or bytes
// with escapes.
func bytea(s []byte) ([]byte, bool) {
	if digits, ok := bytes.CutPrefix(s, []byte(`\x`)); ok {
		raw, err := hex.AppendDecode(nil, digits)
		return raw, err == nil
	}
	raw := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] != '\\':
			raw = append(raw, s[i])
		case i+1 < len(s) && s[i+1] == '\\':
			raw = append(raw, '\\')
			i++
		case i+3 < len(s):
			raw = append(raw, (s[i+1]-'0')<<6|(s[i+2]-'0')<<3|(s[i+3]-'0'))
			i += 3
		default:
			return nil, false
		}
	}
	return raw, true
}
