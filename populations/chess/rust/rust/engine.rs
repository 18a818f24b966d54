//! A plain UCI chess engine, top to bottom: its numbers, bitboards, the position, what a position is worth,
//! the search, the talk with the interface. Squares run from a1 = 0, b1 = 1 to h8 = 63.
//!
//! Nothing but the standard library; no randomness, no files. Numbers on lines marked `tune` may take any value:
//! the engine stays legal and keeps the clock, and only its strength changes.

use std::collections::VecDeque;
use std::io::{self, BufRead, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

// ---------------------------------------------------------------------------------------------------------------
// Numbers of the evaluation, in centipawns: MG while the board is full, EG when it is empty. All are conventions.

const PAWN_MG: i32 = 100; // tune
const PAWN_EG: i32 = 100; // tune
const KNIGHT_MG: i32 = 300; // tune
const KNIGHT_EG: i32 = 300; // tune
const BISHOP_MG: i32 = 300; // tune
const BISHOP_EG: i32 = 300; // tune
const ROOK_MG: i32 = 500; // tune
const ROOK_EG: i32 = 500; // tune
const QUEEN_MG: i32 = 900; // tune
const QUEEN_EG: i32 = 900; // tune

// A step towards the centre: a corner has none of six, the four squares in the middle have all.
const PAWN_CENTRE_MG: i32 = 4; // tune
const KNIGHT_CENTRE_MG: i32 = 8; // tune
const KNIGHT_CENTRE_EG: i32 = 6; // tune
const BISHOP_CENTRE_MG: i32 = 4; // tune
const BISHOP_CENTRE_EG: i32 = 3; // tune
const ROOK_CENTRE_MG: i32 = 2; // tune
const QUEEN_CENTRE_MG: i32 = 1; // tune
const QUEEN_CENTRE_EG: i32 = 4; // tune
const KING_CENTRE_MG: i32 = -10; // tune
const KING_CENTRE_EG: i32 = 8; // tune

const PAWN_ADVANCE_MG: i32 = 2; // tune: a rank
const PAWN_ADVANCE_EG: i32 = 5; // tune
const PASSED_MG: i32 = 1; // tune: a pawn that none can stop, times its rank squared
const PASSED_EG: i32 = 3; // tune
const DOUBLED: i32 = -10; // tune: another pawn of ours before it
const ISOLATED: i32 = -10; // tune: none of ours beside its file
const BISHOP_PAIR: i32 = 30; // tune
const ROOK_OPEN: i32 = 20; // tune: no pawn on its file
const ROOK_HALF_OPEN: i32 = 10; // tune: none of ours
const KING_SHIELD: i32 = 10; // tune: a pawn of ours beside or before the king
const TEMPO: i32 = 10; // tune: the right to move

// Parts that are written and switched off: nought or less is off, 1.0 what an engine usually has.
const MOBILITY: f64 = 0.0; // tune: squares that pieces can go to
const KING_ATTACK: f64 = 0.0; // tune: squares around their king that pieces attack
const NULL_MOVE: f64 = 0.0; // tune: how far a node is reduced where passing is good enough already
const LATE_MOVES: f64 = 0.0; // tune: how far quiet moves are reduced that come late in the order
const REVERSE_FUTILITY: f64 = 0.0; // tune: how readily a node is left that stands well above the window
const FUTILITY: f64 = 0.0; // tune: how readily quiet moves are left out where we stand well below it
const DELTA: f64 = 0.0; // tune: how readily captures are left out that win too little
const HISTORY: f64 = 0.0; // tune: quiet moves that cut before are tried first

// ---------------------------------------------------------------------------------------------------------------
// Bitboards: sets of squares, and what a piece attacks. The tables are computed by the compiler.

const WHITE: usize = 0;
const BLACK: usize = 1;

const PAWN: usize = 0;
const KNIGHT: usize = 1;
const BISHOP: usize = 2;
const ROOK: usize = 3;
const QUEEN: usize = 4;
const KING: usize = 5;
const NONE: u8 = 6;
const LETTERS: &str = "pnbrqk";

const FILE_A: u64 = 0x0101_0101_0101_0101;
const RANK_1: u64 = 0xff;
const NOWHERE: usize = 64;

static KNIGHT_ATTACKS: [u64; 64] =
    leaps(&[(1, 2), (2, 1), (2, -1), (1, -2), (-1, -2), (-2, -1), (-2, 1), (-1, 2)]);
static KING_ATTACKS: [u64; 64] =
    leaps(&[(1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1)]);
static PAWN_ATTACKS: [[u64; 64]; 2] = [leaps(&[(-1, 1), (1, 1)]), leaps(&[(-1, -1), (1, -1)])];
/// The whole line through a square, without it.
static LINES: [[u64; 64]; 4] = [line(1, 0), line(0, 1), line(1, 1), line(1, -1)];

/// Steps are (files, ranks).
const fn leaps(steps: &[(i32, i32)]) -> [u64; 64] {
    let mut table = [0; 64];
    let mut square = 0;
    while square < 64 {
        let mut i = 0;
        while i < steps.len() {
            let (file, rank) = (square % 8 + steps[i].0, square / 8 + steps[i].1);
            if file >= 0 && file < 8 && rank >= 0 && rank < 8 {
                table[square as usize] |= 1 << (rank * 8 + file);
            }
            i += 1;
        }
        square += 1;
    }
    table
}

const fn line(files: i32, ranks: i32) -> [u64; 64] {
    let mut table = [0; 64];
    let mut distance = -7;
    while distance < 8 {
        let one = if distance == 0 { [0; 64] } else { leaps(&[(files * distance, ranks * distance)]) };
        let mut square = 0;
        while square < 64 {
            table[square] |= one[square];
            square += 1;
        }
        distance += 1;
    }
    table
}

/// Along one line up to the first piece either way: subtracting the square itself flips all bits up to that piece.
fn slide(square: usize, occupied: u64, line: &[u64; 64]) -> u64 {
    let (bit, on) = (1u64 << square, occupied & line[square]);
    let up = on.wrapping_sub(bit << 1);
    let down = on.reverse_bits().wrapping_sub(bit.reverse_bits() << 1).reverse_bits();
    (up ^ down) & line[square]
}

fn attacks(kind: usize, square: usize, occupied: u64) -> u64 {
    let straight = || slide(square, occupied, &LINES[0]) | slide(square, occupied, &LINES[1]);
    let diagonal = || slide(square, occupied, &LINES[2]) | slide(square, occupied, &LINES[3]);
    match kind {
        KNIGHT => KNIGHT_ATTACKS[square],
        BISHOP => diagonal(),
        ROOK => straight(),
        QUEEN => straight() | diagonal(),
        _ => KING_ATTACKS[square],
    }
}

/// The squares of a set, lowest first.
struct Squares(u64);

impl Iterator for Squares {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let square = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(square)
    }
}

// Zobrist keys: a position's key is the exclusive or of the keys of all that is true of it.
static PIECE_KEYS: [[[u64; 64]; 6]; 2] = piece_keys();
const TURN_KEY: u64 = scrambled(1);

/// Well mixed bits of a small number: the last steps of SplitMix64.
const fn scrambled(number: u64) -> u64 {
    let a = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let b = (a ^ (a >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let c = (b ^ (b >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    c ^ (c >> 31)
}

const fn piece_keys() -> [[[u64; 64]; 6]; 2] {
    let mut table = [[[0; 64]; 6]; 2];
    let mut i = 0;
    while i < 2 * 6 * 64 {
        table[i / 384][i / 64 % 6][i % 64] = scrambled(1000 + i as u64);
        i += 1;
    }
    table
}

fn castling_key(rights: u8) -> u64 {
    scrambled(100 + rights as u64)
}

fn passant_key(square: usize) -> u64 {
    if square == NOWHERE { 0 } else { scrambled(200 + square as u64) }
}

// ---------------------------------------------------------------------------------------------------------------
// Moves and positions.

/// From, to, and the piece that a pawn becomes (0: none), six bits and more; castling is the king's two steps.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Move(u16);

const NO_MOVE: Move = Move(0);

impl Move {
    fn new(from: usize, to: usize, becomes: usize) -> Move {
        Move((from | to << 6 | becomes << 12) as u16)
    }

    fn from(self) -> usize {
        self.0 as usize & 63
    }

    fn to(self) -> usize {
        self.0 as usize >> 6 & 63
    }

    fn becomes(self) -> usize {
        self.0 as usize >> 12
    }

    fn text(self) -> String {
        if self == NO_MOVE {
            return "0000".to_string();
        }
        let becomes = if self.becomes() == 0 { "" } else { &LETTERS[self.becomes()..self.becomes() + 1] };
        format!("{}{}{becomes}", square_name(self.from()), square_name(self.to()))
    }
}

fn square_name(square: usize) -> String {
    format!("{}{}", (b'a' + square as u8 % 8) as char, square / 8 + 1)
}

const START: &str = "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1";

/// Rights to castle, and the corner and the king's square that each needs.
const CASTLES: [(char, u8, usize, usize); 4] = [('K', 1, 7, 4), ('Q', 2, 0, 4), ('k', 4, 63, 60), ('q', 8, 56, 60)];

#[derive(Clone, Copy)]
struct Position {
    kinds: [u64; 6],
    sides: [u64; 2],
    on: [u8; 64],
    turn: usize,
    castling: u8,
    /// Where a pawn can be taken in passing; only set where one stands ready to, so that equal positions are equal.
    passant: usize,
    /// Plies since a capture or a pawn's move.
    quiet: usize,
    key: u64,
}

impl Position {
    /// Of a FEN's words; counters and rights may be missing. Says what is wrong with one that nothing can be played on.
    fn from_fen(words: &[&str]) -> Result<Position, String> {
        let word = |i: usize| words.get(i).copied().unwrap_or("-");
        let mut p = Position {
            kinds: [0; 6],
            sides: [0; 2],
            on: [NONE; 64],
            turn: if word(1) == "b" { BLACK } else { WHITE },
            castling: 0,
            passant: NOWHERE,
            quiet: word(4).parse().unwrap_or(0).min(100),
            key: 0,
        };
        p.set_up(word(0))?;
        if [WHITE, BLACK].iter().any(|&side| p.of(side, KING).count_ones() != 1) {
            return Err("each side needs one king".to_string());
        }
        if p.kinds[PAWN] & (RANK_1 | RANK_1 << 56) != 0 {
            return Err("a pawn on the first or the last rank".to_string());
        }
        if p.in_check(p.turn ^ 1) {
            return Err("the side that does not move is in check".to_string());
        }
        for (letter, right, corner, home) in CASTLES {
            let side = if letter.is_ascii_uppercase() { WHITE } else { BLACK };
            let stand = p.of(side, ROOK) >> corner & 1 == 1 && p.of(side, KING) >> home & 1 == 1;
            p.castling |= if stand && word(2).contains(letter) { right } else { 0 };
        }
        let passant = (0..64).find(|&square| square_name(square) == word(3)).unwrap_or(NOWHERE);
        p.passant = p.ready_to_pass(passant);
        p.key ^= castling_key(p.castling) ^ passant_key(p.passant) ^ if p.turn == BLACK { TURN_KEY } else { 0 };
        Ok(p)
    }

    /// Puts the pieces of a FEN's first word on an empty board.
    fn set_up(&mut self, pieces: &str) -> Result<(), String> {
        let rows: Vec<&str> = pieces.split('/').collect();
        if rows.len() != 8 {
            return Err(format!("{} ranks, not 8", rows.len()));
        }
        for (i, row) in rows.iter().enumerate() {
            let mut file = 0;
            for c in row.chars() {
                if let Some(empty) = c.to_digit(10) {
                    file += empty as usize;
                } else if let Some(kind) = LETTERS.find(c.to_ascii_lowercase()) {
                    if file < 8 {
                        self.put(if c.is_ascii_uppercase() { WHITE } else { BLACK }, kind, (7 - i) * 8 + file);
                    }
                    file += 1;
                } else {
                    return Err(format!("no piece is called {c}"));
                }
            }
            if file != 8 {
                return Err(format!("{file} files in {row}, not 8"));
            }
        }
        Ok(())
    }

    /// The square, where a pawn just passed it and another of the side to move can take it there.
    fn ready_to_pass(&self, square: usize) -> usize {
        let (us, them) = (self.turn, self.turn ^ 1);
        let rank = if us == WHITE { 5 } else { 2 };
        let ready = square / 8 == rank
            && self.on[square] == NONE
            && self.of(them, PAWN) >> (square ^ 8) & 1 == 1
            && PAWN_ATTACKS[them][square] & self.of(us, PAWN) != 0;
        if ready { square } else { NOWHERE }
    }

    fn put(&mut self, side: usize, kind: usize, square: usize) {
        self.kinds[kind] |= 1 << square;
        self.sides[side] |= 1 << square;
        self.on[square] = kind as u8;
        self.key ^= PIECE_KEYS[side][kind][square];
    }

    fn lift(&mut self, side: usize, square: usize) {
        let kind = self.on[square] as usize;
        self.kinds[kind] &= !(1 << square);
        self.sides[side] &= !(1 << square);
        self.on[square] = NONE;
        self.key ^= PIECE_KEYS[side][kind][square];
    }

    fn of(&self, side: usize, kind: usize) -> u64 {
        self.sides[side] & self.kinds[kind]
    }

    fn occupied(&self) -> u64 {
        self.sides[WHITE] | self.sides[BLACK]
    }

    fn king(&self, side: usize) -> usize {
        self.of(side, KING).trailing_zeros() as usize
    }

    fn is_attacked(&self, square: usize, by: usize) -> bool {
        let (theirs, occupied) = (self.sides[by], self.occupied());
        let queens = self.kinds[QUEEN];
        KNIGHT_ATTACKS[square] & theirs & self.kinds[KNIGHT] != 0
            || PAWN_ATTACKS[by ^ 1][square] & theirs & self.kinds[PAWN] != 0
            || KING_ATTACKS[square] & theirs & self.kinds[KING] != 0
            || attacks(BISHOP, square, occupied) & theirs & (self.kinds[BISHOP] | queens) != 0
            || attacks(ROOK, square, occupied) & theirs & (self.kinds[ROOK] | queens) != 0
    }

    fn in_check(&self, side: usize) -> bool {
        self.is_attacked(self.king(side), side ^ 1)
    }

    /// Does it take something, or make a queen?
    fn is_noisy(&self, m: Move) -> bool {
        self.on[m.to()] != NONE || m.becomes() == QUEEN || self.passes(m)
    }

    fn passes(&self, m: Move) -> bool {
        m.to() == self.passant && self.on[m.from()] as usize == PAWN
    }

    /// All moves but for the safety of the king, which `play` looks after; or the noisy ones alone.
    fn moves(&self, noisy: bool) -> Vec<Move> {
        let mut found = Vec::with_capacity(if noisy { 16 } else { 64 });
        let (us, occupied) = (self.turn, self.occupied());
        let targets = if noisy { self.sides[us ^ 1] } else { !self.sides[us] };
        self.pawn_moves(noisy, &mut found);
        for kind in KNIGHT..=KING {
            for from in Squares(self.of(us, kind)) {
                for to in Squares(attacks(kind, from, occupied) & targets) {
                    found.push(Move::new(from, to, 0));
                }
            }
        }
        if !noisy {
            self.castling_moves(&mut found);
        }
        found
    }

    fn pawn_moves(&self, noisy: bool, found: &mut Vec<Move>) {
        let (us, occupied) = (self.turn, self.occupied());
        let passant = if self.passant == NOWHERE { 0 } else { 1 << self.passant };
        let ahead = |square: usize| if us == WHITE { square + 8 } else { square - 8 };
        let (first, last) = if us == WHITE { (1, 7) } else { (6, 0) };
        for from in Squares(self.of(us, PAWN)) {
            let mut targets = PAWN_ATTACKS[us][from] & (self.sides[us ^ 1] | passant);
            let next = ahead(from);
            if occupied >> next & 1 == 0 && (!noisy || next / 8 == last) {
                targets |= 1 << next;
                if from / 8 == first && occupied >> ahead(next) & 1 == 0 {
                    targets |= 1 << ahead(next);
                }
            }
            for to in Squares(targets) {
                if to / 8 != last {
                    found.push(Move::new(from, to, 0));
                } else if noisy {
                    found.push(Move::new(from, to, QUEEN));
                } else {
                    found.extend([QUEEN, KNIGHT, ROOK, BISHOP].map(|kind| Move::new(from, to, kind)));
                }
            }
        }
    }

    fn castling_moves(&self, found: &mut Vec<Move>) {
        for (i, (_, right, corner, home)) in CASTLES.into_iter().enumerate() {
            if i / 2 != self.turn || self.castling & right == 0 {
                continue;
            }
            let (low, high) = (home.min(corner) + 1, home.max(corner));
            let (step, to) = if corner > home { (home + 1, home + 2) } else { (home - 1, home - 2) };
            let empty = (low..high).all(|square| self.on[square] == NONE);
            if empty && !self.is_attacked(home, self.turn ^ 1) && !self.is_attacked(step, self.turn ^ 1) {
                found.push(Move::new(home, to, 0));
            }
        }
    }

    /// The position after the move; None where it leaves the king to be taken.
    fn play(&self, m: Move) -> Option<Position> {
        let (us, them, from, to) = (self.turn, self.turn ^ 1, m.from(), m.to());
        let kind = self.on[from] as usize;
        let mut p = self.passed();
        if p.on[to] != NONE {
            p.lift(them, to);
            p.quiet = 0;
        }
        p.lift(us, from);
        p.put(us, if m.becomes() == 0 { kind } else { m.becomes() }, to);
        if kind == PAWN {
            p.quiet = 0;
            if to == self.passant {
                p.lift(them, to ^ 8);
            } else if from ^ to == 16 {
                p.passant = p.ready_to_pass((from + to) / 2);
                p.key ^= passant_key(p.passant);
            }
        } else if kind == KING && from.abs_diff(to) == 2 {
            let (corner, beside) = if to > from { (to + 1, to - 1) } else { (to - 2, to + 1) };
            p.lift(us, corner);
            p.put(us, ROOK, beside);
        }
        for (_, right, corner, home) in CASTLES {
            if p.castling & right != 0 && [from, to].iter().any(|&square| square == corner || square == home) {
                p.key ^= castling_key(p.castling) ^ castling_key(p.castling ^ right);
                p.castling ^= right;
            }
        }
        if p.in_check(us) { None } else { Some(p) }
    }

    /// The position with the other side to move.
    fn passed(&self) -> Position {
        let key = self.key ^ TURN_KEY ^ passant_key(self.passant);
        Position { turn: self.turn ^ 1, passant: NOWHERE, quiet: self.quiet + 1, key, ..*self }
    }

    fn legal_moves(&self) -> Vec<Move> {
        self.moves(false).into_iter().filter(|&m| self.play(m).is_some()).collect()
    }

    /// Bare kings, or one knight or bishop beside them: nobody can mate.
    fn is_dead(&self) -> bool {
        self.kinds[PAWN] | self.kinds[ROOK] | self.kinds[QUEEN] == 0 && self.occupied().count_ones() <= 3
    }
}

/// How many lines of so many plies there are.
fn perft(p: &Position, depth: u64) -> u64 {
    if depth == 0 {
        return 1;
    }
    p.moves(false).into_iter().filter_map(|m| p.play(m)).map(|next| perft(&next, depth - 1)).sum()
}

// ---------------------------------------------------------------------------------------------------------------
// What a position is worth.

const MATE: i32 = 30_000;
const MOST: i32 = 20_000; // no evaluation is above, so that none looks like a mate
const VALUES: [(i32, i32); 6] = [
    (PAWN_MG, PAWN_EG),
    (KNIGHT_MG, KNIGHT_EG),
    (BISHOP_MG, BISHOP_EG),
    (ROOK_MG, ROOK_EG),
    (QUEEN_MG, QUEEN_EG),
    (0, 0),
];
const CENTRE: [(i32, i32); 6] = [
    (PAWN_CENTRE_MG, 0),
    (KNIGHT_CENTRE_MG, KNIGHT_CENTRE_EG),
    (BISHOP_CENTRE_MG, BISHOP_CENTRE_EG),
    (ROOK_CENTRE_MG, 0),
    (QUEEN_CENTRE_MG, QUEEN_CENTRE_EG),
    (KING_CENTRE_MG, KING_CENTRE_EG),
];
const PHASE: [i32; 6] = [0, 1, 1, 2, 4, 0]; // a full board has 24; convention
const FREEDOM: [i32; 6] = [0, 4, 4, 2, 1, 0]; // centipawns a square; convention

/// For the side to move, in centipawns.
fn evaluate(p: &Position) -> i32 {
    let (white, black) = (worth(p, WHITE), worth(p, BLACK));
    let phase = (KNIGHT..KING).map(|kind| PHASE[kind] * p.kinds[kind].count_ones() as i32).sum::<i32>().min(24);
    let score = ((white.0 - black.0) * phase + (white.1 - black.1) * (24 - phase)) / 24;
    let score = if p.turn == WHITE { score } else { -score };
    (score + TEMPO).clamp(-MOST, MOST)
}

/// Of one side: middle game and end game.
fn worth(p: &Position, us: usize) -> (i32, i32) {
    let (mut mg, mut eg) = (0, 0);
    let (mut freedom, mut threats) = (0, 0);
    let target = KING_ATTACKS[p.king(us ^ 1)];
    for kind in PAWN..=KING {
        for square in Squares(p.of(us, kind)) {
            let (file, rank) = (square as i32 % 8, square as i32 / 8);
            let steps = file.min(7 - file) + rank.min(7 - rank);
            mg += VALUES[kind].0 + steps * CENTRE[kind].0;
            eg += VALUES[kind].1 + steps * CENTRE[kind].1;
            if (KNIGHT..KING).contains(&kind) && (MOBILITY > 0.0 || KING_ATTACK > 0.0) {
                let reach = attacks(kind, square, p.occupied());
                freedom += FREEDOM[kind] * (reach & !p.sides[us]).count_ones() as i32;
                threats += 6 * (reach & target).count_ones() as i32; // centipawns; an assumption
            }
        }
    }
    let (pawns_mg, pawns_eg) = pawn_structure(p, us);
    let pieces = rook_files(p, us) + if p.of(us, BISHOP).count_ones() > 1 { BISHOP_PAIR } else { 0 };
    let free = (MOBILITY.max(0.0) * freedom as f64) as i32;
    let shield = KING_SHIELD * (KING_ATTACKS[p.king(us)] & p.of(us, PAWN)).count_ones() as i32;
    let attack = (KING_ATTACK.max(0.0) * threats as f64) as i32;
    (mg + pawns_mg + pieces + free + shield + attack, eg + pawns_eg + pieces + free)
}

fn file_of(square: usize) -> u64 {
    FILE_A << (square % 8)
}

fn files_beside(square: usize) -> u64 {
    let file = file_of(square);
    (file & !FILE_A) >> 1 | (file & !(FILE_A << 7)) << 1
}

/// All ranks before a square, as its side sees them.
fn ahead_of(square: usize, side: usize) -> u64 {
    if side == WHITE { u64::MAX << (square | 7) << 1 } else { (1 << (square & 56)) - 1 }
}

fn pawn_structure(p: &Position, us: usize) -> (i32, i32) {
    let (ours, theirs) = (p.of(us, PAWN), p.of(us ^ 1, PAWN));
    let (mut mg, mut eg) = (0, 0);
    for square in Squares(ours) {
        let rank = if us == WHITE { square / 8 } else { 7 - square / 8 } as i32;
        let (file, beside, ahead) = (file_of(square), files_beside(square), ahead_of(square, us));
        mg += PAWN_ADVANCE_MG * rank;
        eg += PAWN_ADVANCE_EG * rank;
        let doubled = ours & file & ahead != 0;
        let faults = if doubled { DOUBLED } else { 0 } + if ours & beside == 0 { ISOLATED } else { 0 };
        mg += faults;
        eg += faults;
        if !doubled && theirs & (file | beside) & ahead == 0 {
            mg += PASSED_MG * rank * rank;
            eg += PASSED_EG * rank * rank;
        }
    }
    (mg, eg)
}

fn rook_files(p: &Position, us: usize) -> i32 {
    let bonus = |square| match (p.of(us, PAWN) & file_of(square), p.of(us ^ 1, PAWN) & file_of(square)) {
        (0, 0) => ROOK_OPEN,
        (0, _) => ROOK_HALF_OPEN,
        _ => 0,
    };
    Squares(p.of(us, ROOK)).map(bonus).sum()
}

// ---------------------------------------------------------------------------------------------------------------
// The search: iterative deepening, principal variation search, a transposition table, quiescence.

const DEEPEST: usize = 100; // plies from the root
const LOOK: u64 = 1023; // nodes between looks at the clock: under a millisecond

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    Exact,
    Lower,
    Upper,
}

/// What is known of a position: its score from the node itself, to what depth.
#[derive(Clone, Copy)]
struct Entry {
    key: u64,
    best: Move,
    score: i16,
    depth: i8,
    bound: Bound,
}

const NOTHING: Entry = Entry { key: 0, best: NO_MOVE, score: 0, depth: -1, bound: Bound::Upper };

/// When a search ends by itself.
#[derive(Clone, Copy)]
struct Limits {
    depth: i32,
    nodes: u64,
    /// The moment to stop, and the one after which no iteration begins.
    stop: Option<Instant>,
    begin: Option<Instant>,
    /// Only `stop` ends it.
    endless: bool,
}

/// Lines from the interface that nobody took yet, each with the time when it came.
#[derive(Default)]
struct Inbox {
    lines: Mutex<VecDeque<(Instant, String)>>,
    more: Condvar,
}

struct Search {
    table: Vec<Entry>,
    history: Vec<[[i32; 64]; 64]>,
    /// Keys of the game's positions and of those on the way to the node, the last its own.
    keys: Vec<u64>,
    /// The best line from each ply.
    lines: Vec<Vec<Move>>,
    nodes: u64,
    limits: Limits,
    stopped: bool,
    inbox: Arc<Inbox>,
    closed: bool,
}

impl Inbox {
    /// No thread can die with the lock, since a panic ends the process.
    fn lock(&self) -> MutexGuard<VecDeque<(Instant, String)>> {
        self.lines.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn put(&self, line: String) {
        self.lock().push_back((Instant::now(), line));
        self.more.notify_one();
    }

    fn take(&self) -> (Instant, String) {
        let mut lines = self.lock();
        loop {
            match lines.pop_front() {
                Some(line) => return line,
                None => lines = self.more.wait(lines).unwrap_or_else(|poisoned| poisoned.into_inner()),
            }
        }
    }

    /// Every line of the input, up to its end, which is a `quit`.
    fn fill(&self) {
        let (mut input, mut line) = (io::stdin().lock(), Vec::new());
        while input.read_until(b'\n', &mut line).unwrap_or(0) > 0 {
            self.put(String::from_utf8_lossy(&line).trim().to_string());
            line.clear();
        }
        self.put("quit".to_string());
    }
}

impl Search {
    fn new(inbox: Arc<Inbox>) -> Search {
        Search {
            table: vec![NOTHING; entries(16)],
            history: vec![[[0; 64]; 64]; 2],
            keys: Vec::new(),
            lines: vec![Vec::new(); DEEPEST + 2],
            nodes: 0,
            limits: Limits { depth: 1, nodes: u64::MAX, stop: None, begin: None, endless: false },
            stopped: false,
            inbox,
            closed: false,
        }
    }

    /// The best move; `0000` where there is none. One line of `info` for each finished iteration.
    fn run(&mut self, root: &Position, limits: Limits, began: Instant) -> Move {
        (self.nodes, self.stopped, self.limits) = (0, false, limits);
        self.history.iter_mut().flatten().for_each(|row| row.fill(0));
        let legal = root.legal_moves();
        let mut best = legal.first().copied().unwrap_or(NO_MOVE);
        let mut depth = 1;
        while !legal.is_empty() && depth <= limits.depth {
            self.lines[0].clear();
            let score = self.negamax(root, depth, 0, -MATE, MATE);
            // An unfinished iteration tried the old best move first, so what it found since is better.
            best = self.lines[0].first().copied().unwrap_or(best);
            if self.stopped {
                break;
            }
            self.report(depth, score, began);
            let decided = MATE - score.abs() <= depth;
            if !limits.endless && (decided || limits.begin.map_or(false, |at| Instant::now() >= at)) {
                break;
            }
            depth += 1;
        }
        while limits.endless && !self.stopped {
            std::thread::sleep(Duration::from_millis(1));
            self.listen();
        }
        best
    }

    fn report(&self, depth: i32, score: i32, began: Instant) {
        let time = began.elapsed();
        let score = match MATE - score.abs() {
            plies if plies > DEEPEST as i32 => format!("cp {score}"),
            plies if score > 0 => format!("mate {}", (plies + 1) / 2),
            plies => format!("mate -{}", plies / 2),
        };
        let speed = (self.nodes as f64 / time.as_secs_f64().max(1e-6)) as u64;
        let line: Vec<String> = self.lines[0].iter().map(|m| m.text()).collect();
        say(&format!(
            "info depth {depth} score {score} nodes {} nps {speed} time {} pv {}",
            self.nodes,
            time.as_millis(),
            line.join(" ")
        ));
    }

    /// The score of a node for its side to move, exact inside (alpha, beta).
    fn negamax(&mut self, p: &Position, depth: i32, ply: usize, mut alpha: i32, beta: i32) -> i32 {
        self.lines[ply].clear();
        let checked = p.in_check(p.turn);
        if ply > 0 && self.is_draw(p, checked) {
            return 0;
        }
        let depth = if checked { depth + 1 } else { depth };
        if depth <= 0 || ply >= DEEPEST {
            return self.quiesce(p, ply, alpha, beta);
        }
        self.tick();
        if self.stopped {
            return 0;
        }
        let (mut best_move, known) = self.recall(p.key, depth, ply, alpha, beta);
        let stand = if checked { -MOST } else { evaluate(p) };
        if beta - alpha == 1 {
            let early = known.or_else(|| if checked { None } else { self.cut_early(p, stand, depth, ply, beta) });
            if let Some(score) = early {
                return score;
            }
        }
        let before = alpha;
        let (mut best, mut tried) = (-MATE, 0);
        let mut moves = self.ordered(p, p.moves(false), best_move);
        for i in 0..moves.len() {
            let m = pick(&mut moves, i);
            let next = match p.play(m) {
                Some(next) => next,
                None => continue,
            };
            tried += 1;
            let calm = !checked && !p.is_noisy(m) && m.becomes() == 0 && !next.in_check(next.turn);
            if calm && tried > 1 && ply > 0 && best > -MOST && stand + margin(FUTILITY, depth) <= alpha {
                continue;
            }
            self.keys.push(next.key);
            let score = self.reply(&next, depth - 1, ply + 1, alpha, beta, if calm { tried } else { 1 }, tried == 1);
            self.keys.pop();
            if self.stopped {
                return 0;
            }
            best = best.max(score);
            if score > alpha {
                (alpha, best_move) = (score, m);
                let (head, tail) = self.lines.split_at_mut(ply + 1);
                head[ply] = [&[m], &tail[0][..]].concat();
            }
            if alpha >= beta {
                if !p.is_noisy(m) {
                    let past = &mut self.history[p.turn][m.from()][m.to()];
                    *past = past.saturating_add(depth * depth);
                }
                break;
            }
        }
        if tried == 0 {
            return if checked { ply as i32 - MATE } else { 0 };
        }
        let bound = if best >= beta { Bound::Lower } else if best > before { Bound::Exact } else { Bound::Upper };
        let (slot, score) = (self.slot(p.key), to_table(best, ply) as i16);
        self.table[slot] = Entry { key: p.key, best: best_move, score, depth: depth as i8, bound };
        best
    }

    /// What the table has: the move that was best, and a score where it decides this window at this depth.
    fn recall(&self, key: u64, depth: i32, ply: usize, alpha: i32, beta: i32) -> (Move, Option<i32>) {
        let known = self.table[self.slot(key)];
        if known.key != key {
            return (NO_MOVE, None);
        }
        let score = from_table(known.score as i32, ply);
        let decides = match known.bound {
            Bound::Exact => true,
            Bound::Lower => score >= beta,
            Bound::Upper => score <= alpha,
        };
        (known.best, if decides && known.depth as i32 >= depth { Some(score) } else { None })
    }

    /// The score of a move by what can follow it. All but the first are only shown to be no better, if that can be.
    #[allow(clippy::too_many_arguments)]
    fn reply(&mut self, next: &Position, depth: i32, ply: usize, alpha: i32, beta: i32, late: i32, first: bool) -> i32 {
        if first {
            return -self.negamax(next, depth, ply, -beta, -alpha);
        }
        let reduced = depth - reduction(depth, late);
        let mut score = -self.negamax(next, reduced, ply, -alpha - 1, -alpha);
        if score > alpha && reduced < depth && !self.stopped {
            score = -self.negamax(next, depth, ply, -alpha - 1, -alpha);
        }
        if score > alpha && score < beta && !self.stopped {
            score = -self.negamax(next, depth, ply, -beta, -alpha);
        }
        score
    }

    /// A score of at least beta that needs no move: we stand far above it, or can afford to pass.
    fn cut_early(&mut self, p: &Position, stand: i32, depth: i32, ply: usize, beta: i32) -> Option<i32> {
        if beta.abs() >= MOST || stand < beta {
            return None;
        }
        if stand - margin(REVERSE_FUTILITY, depth) >= beta {
            return Some(stand);
        }
        let pieces = p.sides[p.turn] & !p.kinds[PAWN] & !p.kinds[KING];
        if NULL_MOVE <= 0.0 || depth < 3 || pieces == 0 {
            return None;
        }
        let next = p.passed();
        let left = depth - 2 - ((2.0 * NULL_MOVE).round() as i32).min(depth);
        self.keys.push(next.key);
        let score = -self.negamax(&next, left, ply + 1, -beta, 1 - beta);
        self.keys.pop();
        if score >= beta && !self.stopped { Some(score.min(MOST)) } else { None }
    }

    /// The score when only captures and queens are made, all moves where in check.
    fn quiesce(&mut self, p: &Position, ply: usize, mut alpha: i32, beta: i32) -> i32 {
        self.lines[ply].clear();
        self.tick();
        if self.stopped || p.is_dead() {
            return 0;
        }
        if ply >= DEEPEST {
            return evaluate(p);
        }
        let checked = p.in_check(p.turn);
        let mut best = ply as i32 - MATE;
        if !checked {
            best = evaluate(p);
            if best >= beta {
                return best;
            }
            alpha = alpha.max(best);
        }
        let stand = best;
        let mut moves = self.ordered(p, p.moves(!checked), NO_MOVE);
        for i in 0..moves.len() {
            let m = pick(&mut moves, i);
            if !checked && m.becomes() == 0 && stand + taken(p, m) + margin(DELTA, 2) <= alpha {
                continue;
            }
            let next = match p.play(m) {
                Some(next) => next,
                None => continue,
            };
            let score = -self.quiesce(&next, ply + 1, -beta, -alpha);
            if self.stopped {
                return 0;
            }
            best = best.max(score);
            alpha = alpha.max(score);
            if alpha >= beta {
                break;
            }
        }
        best
    }

    /// The table's move, then captures of much by little, then quiet moves.
    fn ordered(&self, p: &Position, moves: Vec<Move>, first: Move) -> Vec<(i32, Move)> {
        let rank = |m: Move| {
            if m == first {
                i32::MAX
            } else if p.is_noisy(m) {
                let victim = if p.on[m.to()] == NONE { PAWN } else { p.on[m.to()] as usize };
                (1 << 30) + 16 * (victim + m.becomes()) as i32 - p.on[m.from()] as i32
            } else if HISTORY > 0.0 {
                self.history[p.turn][m.from()][m.to()].min(1 << 29)
            } else {
                0
            }
        };
        moves.into_iter().map(|m| (rank(m), m)).collect()
    }

    /// Fifty moves without progress, a position that was there before, or too little to mate with.
    fn is_draw(&self, p: &Position, checked: bool) -> bool {
        if p.quiet >= 100 && !(checked && p.legal_moves().is_empty()) {
            return true;
        }
        p.is_dead() || self.keys.iter().rev().skip(2).step_by(2).take(p.quiet / 2).any(|&key| key == p.key)
    }

    fn slot(&self, key: u64) -> usize {
        key as usize % self.table.len()
    }

    /// Counts a node; from time to time looks at the clock and listens.
    fn tick(&mut self) {
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            self.stopped = true;
        }
        if self.nodes & LOOK == 0 {
            self.listen();
            if self.limits.stop.map_or(false, |at| Instant::now() >= at) {
                self.stopped = true;
            }
        }
    }

    /// Takes what concerns a search; the rest waits.
    fn listen(&mut self) {
        let inbox = self.inbox.clone();
        inbox.lock().retain(|(_, line)| {
            match line.as_str() {
                "stop" => self.stopped = true,
                "quit" => (self.stopped, self.closed) = (true, true),
                "isready" => say("readyok"),
                _ => return true,
            }
            false
        });
    }
}

/// The best of what is left comes to `i`.
fn pick(moves: &mut [(i32, Move)], i: usize) -> Move {
    let mut best = i;
    for j in i + 1..moves.len() {
        if moves[j].0 > moves[best].0 {
            best = j;
        }
    }
    moves.swap(i, best);
    moves[i].1
}

/// A pawn a ply at strength 1.0, less where it is stronger; too far to matter where it is off or the depth is great.
fn margin(strength: f64, depth: i32) -> i32 {
    if strength <= 0.0 || depth > 6 { 2 * MATE } else { (100.0 * depth as f64 / strength).min(MATE as f64) as i32 }
}

/// Plies less for the `late`th move, with `depth` left after it.
fn reduction(depth: i32, late: i32) -> i32 {
    if LATE_MOVES <= 0.0 || depth < 2 || late < 4 {
        return 0;
    }
    let plies = LATE_MOVES * (depth as f64).ln() * (late as f64).ln() / 2.0; // the usual shape; 2.0 an assumption
    (1.0 + plies.min(99.0)) as i32
}

fn taken(p: &Position, m: Move) -> i32 {
    let victim = if p.on[m.to()] == NONE { PAWN } else { p.on[m.to()] as usize };
    VALUES[victim].0.max(VALUES[victim].1)
}

/// Mates are counted from the root in the search and from the node in the table, which many roots share.
fn to_table(score: i32, ply: usize) -> i32 {
    score + if score > MOST { ply as i32 } else if score < -MOST { -(ply as i32) } else { 0 }
}

fn from_table(score: i32, ply: usize) -> i32 {
    score - if score > MOST { ply as i32 } else if score < -MOST { -(ply as i32) } else { 0 }
}

fn entries(megabytes: usize) -> usize {
    (megabytes << 20) / std::mem::size_of::<Entry>()
}

// ---------------------------------------------------------------------------------------------------------------
// UCI: the talk with the interface. What is not understood is ignored.

const LARGEST: usize = 1024; // megabytes of table

/// One line, at once; nobody listens any more: the end.
fn say(text: &str) {
    let mut out = io::stdout().lock();
    if writeln!(out, "{text}").and_then(|_| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// `startpos` or `fen …`, then `moves …`: the position, and the keys of all on the way to it.
fn read_position(words: &[&str]) -> Result<(Position, Vec<u64>), String> {
    let end = words.iter().position(|&word| word == "moves").unwrap_or(words.len());
    let mut p = match words.first() {
        Some(&"startpos") => Position::from_fen(&START.split(' ').collect::<Vec<_>>())?,
        Some(&"fen") => Position::from_fen(&words[1..end])?,
        _ => return Err("neither startpos nor fen".to_string()),
    };
    let mut keys = vec![p.key];
    for &word in words.iter().skip(end + 1) {
        let m = p.legal_moves().into_iter().find(|m| m.text() == word);
        p = m.and_then(|m| p.play(m)).ok_or(format!("{word} cannot be played"))?;
        keys.push(p.key);
    }
    Ok((p, keys))
}

/// What follows `go`, for the side to move; the clock runs since `came`.
fn read_limits(words: &[&str], turn: usize, came: Instant) -> Limits {
    let number = |name: &str| {
        let at = words.iter().position(|&word| word == name)?;
        words.get(at + 1)?.parse::<i64>().ok().map(|n| n.max(0) as u64)
    };
    // Two milliseconds go into the answer's way; an assumption.
    let after = |spare: u64| came + Duration::from_micros((spare.saturating_sub(2000)).max(spare / 2));
    let (mut stop, mut begin) = (None, None);
    if let Some(time) = number("movetime") {
        stop = Some(after(time.min(1 << 40) * 1000));
    } else if let Some(time) = number(["wtime", "btime"][turn]) {
        let time = time.clamp(1, 1 << 40) * 1000;
        let more = number(["winc", "binc"][turn]).unwrap_or(0).min(1 << 40) * 1000;
        // Thirty moves are still to be played, and half of its time is what an iteration may begin in; assumptions.
        let share = (time / number("movestogo").unwrap_or(30).clamp(1, 30) + more / 2).min(time / 2);
        (stop, begin) = (Some(after(share)), Some(came + Duration::from_micros(share / 2)));
    }
    let (depth, nodes) = (number("depth"), number("nodes"));
    Limits {
        depth: depth.unwrap_or(u64::MAX).clamp(1, DEEPEST as u64) as i32,
        nodes: nodes.unwrap_or(u64::MAX).max(1),
        stop,
        begin,
        endless: words.contains(&"infinite") || (stop.is_none() && depth.is_none() && nodes.is_none()),
    }
}

fn print_perft(p: &Position, depth: u64) {
    let mut all = 0;
    for m in p.legal_moves() {
        let count = p.play(m).map_or(0, |next| perft(&next, depth.max(1) - 1));
        say(&format!("{}: {count}", m.text()));
        all += count;
    }
    say(&format!("\nNodes searched: {all}"));
}

fn resize(search: &mut Search, words: &[&str]) {
    if let ["name", "Hash", "value", size] = words {
        let size = size.parse().unwrap_or(16).clamp(1, LARGEST);
        search.table = vec![NOTHING; entries(size)];
    }
}

fn main() {
    let inbox = Arc::new(Inbox::default());
    let filled = inbox.clone();
    std::thread::spawn(move || filled.fill()); // reads while the search runs
    let mut search = Search::new(inbox.clone());
    let (mut position, mut keys) = read_position(&["startpos"]).expect("the first position can be read");
    while !search.closed {
        let (came, line) = inbox.take();
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.first().copied().unwrap_or("") {
            "uci" => say(&format!(
                "id name plain (rust)\nid author evolve\noption name Hash type spin default 16 min 1 max {LARGEST}\nuciok"
            )),
            "isready" => say("readyok"),
            "setoption" => resize(&mut search, &words[1..]),
            "ucinewgame" => search.table.fill(NOTHING),
            "position" => match read_position(&words[1..]) {
                Ok(read) => (position, keys) = read,
                Err(why) => say(&format!("info string position ignored: {why}")),
            },
            "go" if words.get(1) == Some(&"perft") => {
                print_perft(&position, words.get(2).and_then(|n| n.parse().ok()).unwrap_or(1));
            }
            "go" => {
                let limits = read_limits(&words[1..], position.turn, came);
                search.keys = keys.clone();
                let best = search.run(&position, limits, came);
                say(&format!("bestmove {}", best.text()));
            }
            "quit" => return,
            _ => {}
        }
    }
}
