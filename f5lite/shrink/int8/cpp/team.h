// Threads, and memory. Threads come from the OpenMP library that torch itself uses, called by the name that GCC's code calls it by
// (LLVM's has it too): so a compiler needs no OpenMP of its own, and there are no second threads that wait for the first.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <memory>

#if defined(WITH_THREADS)
extern "C" {
void GOMP_parallel(void (*work)(void*), void* of, unsigned threads, unsigned flags);
void GOMP_barrier();
int omp_get_thread_num();
int omp_get_num_threads();
}
#endif

// One of the threads that work together.
struct Member {
  int me = 0, all = 1;

  // Its share of `count` pieces of work, one after another, as even as can be.
  template <typename Piece>
  void share(int64_t count, const Piece& piece) const {
    for (int64_t i = count * me / all; i < count * (me + 1) / all; i++) piece(i);
  }
  // Until all have come here.
  void wait() const {
#if defined(WITH_THREADS)
    GOMP_barrier();
#endif
  }
};

// work(member), once on every thread.
template <typename Work>
void together(int threads, const Work& work) {
#if defined(WITH_THREADS)
  const auto call = [](void* of) { (*static_cast<const Work*>(of))(Member{omp_get_thread_num(), omp_get_num_threads()}); };
  GOMP_parallel(call, const_cast<Work*>(&work), threads, 0);
#else
  (void)threads;
  work(Member{});
#endif
}

// Room for `count` of something plain, from malloc: so nothing of the C++ library has to be linked.
struct Free {
  void operator()(void* p) const { std::free(p); }
};
template <typename T>
using Room = std::unique_ptr<T[], Free>;
template <typename T>
Room<T> room(int64_t count) {
  T* found = static_cast<T*>(std::malloc(sizeof(T) * (count ? count : 1)));
  if (!found) std::abort();  // as torch's own would
  return Room<T>(found);
}

// One room in pieces, each on a boundary of 64 bytes. `bytes`: of all pieces, and 64 more for each.
class Pieces {
 public:
  explicit Pieces(int64_t bytes) : room_(room<int8_t>(bytes + 64)), at_(room_.get()) {}
  template <typename T>
  T* take(int64_t count) {
    at_ += (64 - reinterpret_cast<uintptr_t>(at_) % 64) % 64;
    T* here = reinterpret_cast<T*>(at_);
    at_ += count * static_cast<int64_t>(sizeof(T));
    return here;
  }

 private:
  Room<int8_t> room_;
  int8_t* at_;
};
