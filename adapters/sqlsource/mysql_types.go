package sqlsource

import (
	"encoding/binary"
	"time"
)

// mysqlCell goes by the type of the column. A TIMESTAMP is in UTC, see sessions, and
// a DATETIME is taken for UTC.
func mysqlCell(typeName string, v any) cell {
	s, ok := v.([]byte)
	if !ok {
		return plain(v)
	}
	switch typeName {
	case "DECIMAL":
		return number(s)
	case "JSON":
		return cell{document, s}
	case "BIT":
		var bits [8]byte
		copy(bits[8-min(8, len(s)):], s)
		return plain(binary.BigEndian.Uint64(bits[:]))
	case "TIMESTAMP", "DATETIME":
		if t, err := time.Parse(time.DateTime, string(s)); err == nil {
			return instant(t, false)
		}
	case "BINARY", "VARBINARY", "TINYBLOB", "BLOB", "MEDIUMBLOB", "LONGBLOB", "GEOMETRY", "VECTOR":
		return cell{blob, s}
	}
	return cell{text, s}
}
