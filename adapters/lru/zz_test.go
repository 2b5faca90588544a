package lru
import ("testing";"os";"fmt";"sort";"github.com/multi-layer-cache/multi-layer-cache/adapters/lru/trace")
func TestZZ(t *testing.T){
 fmt.Sscan(os.Getenv("P"), &dAlways,&nRivals,&lifetimeX,&shiftB,&onAt,&offAt)
 all:=traces()
 zipf := trace.Zipf(1, 0.9, 50_000, 100000)
 all["shifts2"]=trace.WithShifts(zipf, 5_000, 1_000)
 all["zipf1.0"]=trace.Zipf(4, 1.0, 50_000, 100000)
 var names []string; for n:=range all{names=append(names,n)}; sort.Strings(names)
 gap,cnt,worst:=0.0,0,0.0
 for _,name:=range names { tr:=all[name]; keys:=keysOf(tr)
  line:=fmt.Sprintf("%-12s",name)
  for _,capacity:=range []int{100,1000,10000} {
   plain := hitRatio(t, keys, Options{MaxEntries: capacity})
   got := hitRatio(t, keys, Options{MaxEntries: capacity, Admission: TinyLFU})
   opt := 100*float64(trace.Optimal(tr,capacity))/float64(len(tr))
   line+=fmt.Sprintf(" | %6d: lru %6.2f %+6.2f opt %+6.2f",capacity,plain,got-plain,opt-plain)
   if opt-plain>1 {gap+=(got-plain)/(opt-plain);cnt++}
   worst=min(worst,got-plain)
  }
  t.Log(line)
 }
 t.Logf("mean gap closed %.3f worst %.2f",gap/float64(cnt),worst)
}
