// Every text of the page in both languages, and the language in use.

import { load, store } from "./storage.js";

const TEXTS = {
  en: {
    title: "Draw a digit",
    drawing: "Your drawing",
    paper: "Drawing area",
    invitation: "Draw here",
    how: "Mouse, finger or pen; or drop or paste a picture. With the keyboard: arrows move, Space puts the pen down and lifts it, Delete clears.",
    penDown: "Pen down",
    penUp: "Pen up",
    undo: "Undo",
    clear: "Clear",
    keep: "Keep",
    camera: "Take a photo",
    open: "Open a picture",
    answer: "What the net reads",
    hint: "Draw a digit from 0 to 9.",
    bars: "Probability of each digit",
    sure: (share) => `${share} sure`,
    latency: (ms) => `answered in ${ms} ms`,
    seen: "What the net saw",
    reasons: "What spoke for it",
    for: "for",
    against: "against",
    saved: "Kept drawings",
    savedNone: (limit) => `What you keep appears here, up to ${limit} drawings, and stays in this browser.`,
    savedHere: (limit) => `They stay in this browser. There is room for ${limit}; the oldest makes way.`,
    savedNowhere: "This browser stores nothing for this page: they are gone when you close it.",
    openSaved: (number, what) => `Open drawing ${number}: ${what}`,
    deleteSaved: (number, what) => `Delete drawing ${number}: ${what}`,
    unread: "not read",
    kept: (what) => `Kept: ${what}`,
    deleted: "Deleted",
    again: "Try again",
    send: "Send",
    key: "This server wants an API key.",
    wrongKey: "That is not the key. Which one is it?",
    keyIsKept: "It stays in this tab and is forgotten when you close it.",
    waiting: (seconds) => `The server is busy. Asking again in ${seconds} s…`,
    busy: "The server is still busy. Draw on, or try again in a while.",
    refused: "The net finds no digit here.",
    tooLarge: "This picture is too large for the server.",
    failed: "The server could not answer.",
    unreachable: "The server does not answer.",
    unreadable: "This file is not a picture that the browser can read.",
    other: "ko",
    otherName: "한국어",
  },
  ko: {
    title: "숫자를 그려 보세요",
    drawing: "그림",
    paper: "그리는 곳",
    invitation: "여기에 그리세요",
    how: "마우스, 손가락, 펜으로 그리거나 사진을 끌어다 놓거나 붙여 넣으세요. 키보드로는 화살표로 움직이고, 스페이스로 펜을 내리고 올리며, Delete로 지웁니다.",
    penDown: "펜을 내림",
    penUp: "펜을 올림",
    undo: "되돌리기",
    clear: "지우기",
    keep: "간직하기",
    camera: "사진 찍기",
    open: "사진 열기",
    answer: "신경망이 읽은 숫자",
    hint: "0부터 9까지의 숫자를 하나 그려 보세요.",
    bars: "숫자마다의 확률",
    sure: (share) => `확신 ${share}`,
    latency: (ms) => `${ms} ms 만에 답함`,
    seen: "신경망이 본 그림",
    reasons: "답의 근거",
    for: "지지",
    against: "반대",
    saved: "간직한 그림",
    savedNone: (limit) => `간직한 그림이 여기에 ${limit}개까지 나타나고, 이 브라우저에 남습니다.`,
    savedHere: (limit) => `이 브라우저에만 남습니다. ${limit}개가 넘으면 가장 오래된 것부터 사라집니다.`,
    savedNowhere: "이 브라우저는 이 페이지의 것을 저장하지 않습니다. 페이지를 닫으면 사라집니다.",
    openSaved: (number, what) => `그림 ${number} 열기: ${what}`,
    deleteSaved: (number, what) => `그림 ${number} 삭제: ${what}`,
    unread: "읽지 못함",
    kept: (what) => `간직함: ${what}`,
    deleted: "삭제함",
    again: "다시 시도",
    send: "보내기",
    key: "이 서버에는 API 키가 필요합니다.",
    wrongKey: "맞는 키가 아닙니다. 다시 넣어 주세요.",
    keyIsKept: "이 탭에만 남고, 탭을 닫으면 잊습니다.",
    waiting: (seconds) => `서버가 바쁩니다. ${seconds}초 뒤에 다시 물어봅니다…`,
    busy: "서버가 아직 바쁩니다. 계속 그리거나 잠시 뒤에 다시 시도해 주세요.",
    refused: "신경망이 숫자를 찾지 못했습니다.",
    tooLarge: "서버가 받기에는 너무 큰 사진입니다.",
    failed: "서버가 답하지 못했습니다.",
    unreachable: "서버가 응답하지 않습니다.",
    unreadable: "브라우저가 읽을 수 있는 그림 파일이 아닙니다.",
    other: "en",
    otherName: "English",
  },
};

export let texts = TEXTS.en;

// Never shows "100 %".
export const percent = (share) => (share >= 0.9995 ? ">99.9 %" : `${(100 * share).toFixed(1)} %`);

export const preferred = () => load("localStorage", "language") ?? (navigator.language.startsWith("ko") ? "ko" : "en");

// Shows every fixed text of the page in this language, and remembers it.
export function speak(language) {
  texts = TEXTS[language] ?? TEXTS.en;
  document.documentElement.lang = texts === TEXTS.ko ? "ko" : "en";
  document.title = texts.title;
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = texts[node.dataset.text];
  for (const node of document.querySelectorAll("[data-label]")) node.ariaLabel = texts[node.dataset.label];
  const other = document.getElementById("language");
  other.textContent = texts.otherName;
  other.lang = texts.other;
  store("localStorage", "language", document.documentElement.lang);
}
