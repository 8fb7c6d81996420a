// Ajv's standalone code for the OpenAPI description, written by `npm run compile:validators`. Do not edit.
import * as identifiers from '../../rooms/identifiers.ts';

const formats = {
  'mx-room-id': { validate: identifiers.isRoomId },
  'mx-user-id': { validate: identifiers.isUserId },
};

export const isOnBind = validate32;
const schema46 = {"type":"object","title":"OnBind","properties":{"medium":{"type":"string"},"address":{"type":"string"},"mxid":{"type":"string","format":"mx-user-id","x-well-formed":true},"invites":{"type":"array"}},"required":["medium","address","mxid"]};
const func0 = Object.prototype.hasOwnProperty;
const formats0 = formats["mx-user-id"];

function validate32(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
let vErrors = null;
let errors = 0;
const evaluated0 = validate32.evaluated;
if(evaluated0.dynamicProps){
evaluated0.props = undefined;
}
if(evaluated0.dynamicItems){
evaluated0.items = undefined;
}
if(data && typeof data == "object" && !Array.isArray(data)){
if((data.medium === undefined) || (!(func0.call(data, "medium")))){
const err0 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "medium"},message:"must have required property '"+"medium"+"'"};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
if((data.address === undefined) || (!(func0.call(data, "address")))){
const err1 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "address"},message:"must have required property '"+"address"+"'"};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
if((data.mxid === undefined) || (!(func0.call(data, "mxid")))){
const err2 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "mxid"},message:"must have required property '"+"mxid"+"'"};
if(vErrors === null){
vErrors = [err2];
}
else {
vErrors.push(err2);
}
errors++;
}
if(data.medium !== undefined && func0.call(data, "medium")){
if(typeof data.medium !== "string"){
const err3 = {instancePath:instancePath+"/medium",schemaPath:"#/properties/medium/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err3];
}
else {
vErrors.push(err3);
}
errors++;
}
}
if(data.address !== undefined && func0.call(data, "address")){
if(typeof data.address !== "string"){
const err4 = {instancePath:instancePath+"/address",schemaPath:"#/properties/address/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err4];
}
else {
vErrors.push(err4);
}
errors++;
}
}
if(data.mxid !== undefined && func0.call(data, "mxid")){
let data2 = data.mxid;
if(typeof data2 === "string"){
if(!(formats0.validate(data2))){
const err5 = {instancePath:instancePath+"/mxid",schemaPath:"#/properties/mxid/format",keyword:"format",params:{format: "mx-user-id"},message:"must match format \""+"mx-user-id"+"\""};
if(vErrors === null){
vErrors = [err5];
}
else {
vErrors.push(err5);
}
errors++;
}
if(!data2.isWellFormed()){
const err6 = {instancePath:instancePath+"/mxid",schemaPath:"#/properties/mxid/x-well-formed",keyword:"x-well-formed",params:{},message:"must pass \"x-well-formed\" keyword validation"};
if(vErrors === null){
vErrors = [err6];
}
else {
vErrors.push(err6);
}
errors++;
}
}
else {
const err7 = {instancePath:instancePath+"/mxid",schemaPath:"#/properties/mxid/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err7];
}
else {
vErrors.push(err7);
}
errors++;
}
}
if(data.invites !== undefined && func0.call(data, "invites")){
if(!(Array.isArray(data.invites))){
const err8 = {instancePath:instancePath+"/invites",schemaPath:"#/properties/invites/type",keyword:"type",params:{type: "array"},message:"must be array"};
if(vErrors === null){
vErrors = [err8];
}
else {
vErrors.push(err8);
}
errors++;
}
}
}
else {
const err9 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"},message:"must be object"};
if(vErrors === null){
vErrors = [err9];
}
else {
vErrors.push(err9);
}
errors++;
}
validate32.errors = vErrors;
return errors === 0;
}
validate32.evaluated = {"props":{"medium":true,"address":true,"mxid":true,"invites":true},"dynamicProps":false,"dynamicItems":false};

export const isOnBindInvite = validate33;
const schema47 = {"type":"object","title":"OnBindInvite","properties":{"room_id":{"type":"string","format":"mx-room-id","x-well-formed":true},"sender":{"type":"string","format":"mx-user-id","x-well-formed":true},"signed":{"type":"object"}},"required":["room_id","sender","signed"]};
const formats2 = formats["mx-room-id"];

function validate33(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
let vErrors = null;
let errors = 0;
const evaluated0 = validate33.evaluated;
if(evaluated0.dynamicProps){
evaluated0.props = undefined;
}
if(evaluated0.dynamicItems){
evaluated0.items = undefined;
}
if(data && typeof data == "object" && !Array.isArray(data)){
if((data.room_id === undefined) || (!(func0.call(data, "room_id")))){
const err0 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "room_id"},message:"must have required property '"+"room_id"+"'"};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
if((data.sender === undefined) || (!(func0.call(data, "sender")))){
const err1 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "sender"},message:"must have required property '"+"sender"+"'"};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
if((data.signed === undefined) || (!(func0.call(data, "signed")))){
const err2 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "signed"},message:"must have required property '"+"signed"+"'"};
if(vErrors === null){
vErrors = [err2];
}
else {
vErrors.push(err2);
}
errors++;
}
if(data.room_id !== undefined && func0.call(data, "room_id")){
let data0 = data.room_id;
if(typeof data0 === "string"){
if(!(formats2.validate(data0))){
const err3 = {instancePath:instancePath+"/room_id",schemaPath:"#/properties/room_id/format",keyword:"format",params:{format: "mx-room-id"},message:"must match format \""+"mx-room-id"+"\""};
if(vErrors === null){
vErrors = [err3];
}
else {
vErrors.push(err3);
}
errors++;
}
if(!data0.isWellFormed()){
const err4 = {instancePath:instancePath+"/room_id",schemaPath:"#/properties/room_id/x-well-formed",keyword:"x-well-formed",params:{},message:"must pass \"x-well-formed\" keyword validation"};
if(vErrors === null){
vErrors = [err4];
}
else {
vErrors.push(err4);
}
errors++;
}
}
else {
const err5 = {instancePath:instancePath+"/room_id",schemaPath:"#/properties/room_id/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err5];
}
else {
vErrors.push(err5);
}
errors++;
}
}
if(data.sender !== undefined && func0.call(data, "sender")){
let data1 = data.sender;
if(typeof data1 === "string"){
if(!(formats0.validate(data1))){
const err6 = {instancePath:instancePath+"/sender",schemaPath:"#/properties/sender/format",keyword:"format",params:{format: "mx-user-id"},message:"must match format \""+"mx-user-id"+"\""};
if(vErrors === null){
vErrors = [err6];
}
else {
vErrors.push(err6);
}
errors++;
}
if(!data1.isWellFormed()){
const err7 = {instancePath:instancePath+"/sender",schemaPath:"#/properties/sender/x-well-formed",keyword:"x-well-formed",params:{},message:"must pass \"x-well-formed\" keyword validation"};
if(vErrors === null){
vErrors = [err7];
}
else {
vErrors.push(err7);
}
errors++;
}
}
else {
const err8 = {instancePath:instancePath+"/sender",schemaPath:"#/properties/sender/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err8];
}
else {
vErrors.push(err8);
}
errors++;
}
}
if(data.signed !== undefined && func0.call(data, "signed")){
let data2 = data.signed;
if(!(data2 && typeof data2 == "object" && !Array.isArray(data2))){
const err9 = {instancePath:instancePath+"/signed",schemaPath:"#/properties/signed/type",keyword:"type",params:{type: "object"},message:"must be object"};
if(vErrors === null){
vErrors = [err9];
}
else {
vErrors.push(err9);
}
errors++;
}
}
}
else {
const err10 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"},message:"must be object"};
if(vErrors === null){
vErrors = [err10];
}
else {
vErrors.push(err10);
}
errors++;
}
validate33.errors = vErrors;
return errors === 0;
}
validate33.evaluated = {"props":{"room_id":true,"sender":true,"signed":true},"dynamicProps":false,"dynamicItems":false};
